// The checks of a feature file, one refusal a sentence: DESIGN section 3's tensors, their shapes,
// finiteness and agreement with each other.
internal import Foundation
internal import LanguageSystem
internal import RankerMath

struct FeatureFileReader {
    let bytes: UnsafeRawBufferPointer
    let name: String
    let file: SafetensorsFile

    init(bytes: UnsafeRawBufferPointer, name: String) throws(LanguageSystemError) {
        self.bytes = bytes
        self.name = name
        file = try SafetensorsFile(parsing: bytes, name: name, code: .invalidFeatures)
    }

    /// Reads only the header; only `metadata` and `rowCount` may be used.
    init(file: SafetensorsFile, name: String) {
        bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        self.name = name
        self.file = file
    }

    func rowCount(_ tensorName: String) throws(LanguageSystemError) -> Int {
        let shape = try tensor(tensorName).shape
        guard shape.count == 2, shape[0] >= 1 else {
            throw refusal("found '\(tensorName)' of shape \(shape), expected rows")
        }
        return shape[0]
    }

    func metadata() throws(LanguageSystemError) -> FeatureMetadata {
        let format = try word("format")
        guard format == "features/1" else {
            throw refusal("found format '\(format.printable())', expected 'features/1'")
        }
        let text = try word("hidden_size")
        guard let hiddenSize = Int(text), (1...Bounds.hiddenSizeMax).contains(hiddenSize) else {
            throw refusal(
                "found hidden_size '\(text.printable())', expected 1 to \(Bounds.hiddenSizeMax)")
        }
        guard let split = Split(rawValue: try word("split")) else {
            throw refusal("found split '\(try word("split").printable())', expected train or test")
        }
        guard let kind = LabelKind(rawValue: try word("label_kind")) else {
            throw refusal(
                "found label_kind '\(try word("label_kind").printable())', expected binary or score"
            )
        }
        let known = ["format", "hidden_size", "split", "label_kind", "base_model", "domain"]
        return FeatureMetadata(
            baseModel: try word("base_model"), hiddenSize: hiddenSize,
            domain: try DomainName(try word("domain")), split: split, labelKind: kind,
            contract: file.metadata.filter { !known.contains($0.key) })
    }

    /// The rows of a matrix, in place, or copied when they are not aligned for their type.
    func matrix(_ tensorName: String, width: Int) throws(LanguageSystemError) -> FeatureMatrix {
        let tensor = try tensor(tensorName)
        guard let type = FeatureType(rawValue: tensor.dtype.rawValue) else {
            throw refusal(
                "found '\(tensorName)' of \(tensor.dtype.rawValue), expected F16, BF16 or F32")
        }
        guard tensor.shape.count == 2 else {
            throw refusal("found '\(tensorName)' of shape \(tensor.shape), expected two dimensions")
        }
        guard tensor.shape[1] == width else {
            throw refusal(
                "found '\(tensorName)' of width \(tensor.shape[1]), hidden_size says \(width)")
        }
        let matrix = FeatureMatrix(
            UnsafeRawBufferPointer(rebasing: bytes[tensor.byteRange]), type: type,
            rowCount: tensor.shape[0], rowByteCount: width * type.byteCount)
        for row in 0..<matrix.rowCount {
            let start = matrix.stored.start + row * matrix.stored.rowByteCount
            guard type.isWithin(Bounds.magnitudeMax, start, count: width) else {
                throw refusal(
                    """
                    found a number that is not finite or beyond \(Bounds.magnitudeMax) \
                    in row \(row) of '\(tensorName)'
                    """)
            }
        }
        return matrix
    }

    func offsets(queryCount: Int, responseCount: Int) throws(LanguageSystemError) -> [Int] {
        let values = try vector("offsets", .i64, Int64.self, count: queryCount + 1)
        guard queryCount > 0 else { throw refusal("found no query") }
        guard values[0] == 0 else {
            throw refusal("found offsets that begin at \(values[0]), expected 0")
        }
        for query in 0..<queryCount where values[query] >= values[query + 1] {
            throw refusal(
                "found offsets \(values[query]), \(values[query + 1]) for query \(query), "
                    + "expected them to ascend")
        }
        guard values[queryCount] == Int64(responseCount) else {
            throw refusal(
                "found offsets that end at \(values[queryCount]), "
                    + "'responses' has \(responseCount) rows")
        }
        return values.map(Int.init)
    }

    func labels(count: Int, kind: LabelKind) throws(LanguageSystemError) -> [Float] {
        let labels = try vector("labels", .f32, Float.self, count: count)
        for (row, label) in labels.enumerated() {
            guard abs(label) <= Bounds.magnitudeMax else {
                throw refusal(
                    """
                    found a label that is not finite or beyond \(Bounds.magnitudeMax) in row \(row)
                    """
                )
            }
            guard kind == .score || label == 0 || label == 1 else {
                throw refusal(
                    "found label \(label) in row \(row), label_kind binary allows 0 and 1")
            }
        }
        return labels
    }

    func answers(count: Int) throws(LanguageSystemError) -> [Int32]? {
        guard file.tensors["answers"] != nil else { return nil }
        let answers = try vector("answers", .i32, Int32.self, count: count)
        if let row = answers.firstIndex(where: { $0 < -1 }) {
            throw refusal("found answer \(answers[row]) in row \(row), expected -1 or more")
        }
        return answers
    }

    func logProbabilities(count: Int) throws(LanguageSystemError) -> [Float]? {
        guard file.tensors["logprobs"] != nil else { return nil }
        let values = try vector("logprobs", .f32, Float.self, count: count)
        if let row = values.firstIndex(where: { !$0.isFinite }) {
            throw refusal("found a log-probability that is not finite in row \(row)")
        }
        return values
    }

    func tokenCounts(count: Int) throws(LanguageSystemError) -> [Int32]? {
        guard file.tensors["token_counts"] != nil else { return nil }
        let counts = try vector("token_counts", .i32, Int32.self, count: count)
        if let row = counts.firstIndex(where: { $0 < 0 }) {
            throw refusal("found token count \(counts[row]) in row \(row), expected 0 or more")
        }
        return counts
    }

    func finished(count: Int) throws(LanguageSystemError) -> [Bool]? {
        guard let tensor = file.tensors["finished"] else { return nil }
        let dtype: SafetensorsFile.DType = tensor.dtype == .bool ? .bool : .u8
        let values = try vector("finished", dtype, UInt8.self, count: count)
        if let row = values.firstIndex(where: { $0 > 1 }) {
            throw refusal("found \(values[row]) at 'finished' in row \(row), expected 0 or 1")
        }
        return values.map { $0 == 1 }
    }

    func numbers(count: Int) throws(LanguageSystemError) -> [String: [Float]] {
        let tensors = file.tensors.keys.filter { $0.hasPrefix(Signal.numberPrefix) }.sorted()
        guard tensors.count <= Signal.numberCountMax else {
            throw refusal(
                "found \(tensors.count) tensors '\(Signal.numberPrefix)…', "
                    + "expected at most \(Signal.numberCountMax)")
        }
        var numbers: [String: [Float]] = [:]
        for tensor in tensors {
            let name = String(tensor.dropFirst(Signal.numberPrefix.count))
            guard Signal.isNumberName(name) else {
                throw refusal(
                    "found the tensor '\(tensor.printable())', expected 1 to "
                        + "\(Signal.nameLengthMax) of a-z, 0-9, '_' and '-' after "
                        + "'\(Signal.numberPrefix)'")
            }
            let values = try vector(tensor, .f32, Float.self, count: count)
            // What is not a number is not within the bound either.
            if let row = values.firstIndex(where: { !(abs($0) <= Bounds.magnitudeMax) }) {
                throw refusal(
                    "found a number that is not finite or beyond \(Bounds.magnitudeMax) "
                        + "in row \(row) of '\(tensor)'")
            }
            numbers[name] = values
        }
        return numbers
    }

    private func vector<T: BitwiseCopyable>(
        _ tensorName: String, _ dtype: SafetensorsFile.DType, _ type: T.Type, count: Int
    ) throws(LanguageSystemError) -> [T] {
        let tensor = try tensor(tensorName)
        guard tensor.dtype == dtype else {
            throw refusal(
                "found '\(tensorName)' of \(tensor.dtype.rawValue), expected \(dtype.rawValue)")
        }
        guard tensor.shape == [count] else {
            throw refusal("found '\(tensorName)' of shape \(tensor.shape), expected [\(count)]")
        }
        let part = UnsafeRawBufferPointer(rebasing: bytes[tensor.byteRange])
        return [T](unsafeUninitializedCapacity: count) { values, initializedCount in
            // Copied as bytes: they need not lie as the type wants.
            UnsafeMutableRawBufferPointer(values).copyMemory(from: part)
            initializedCount = count
        }
    }

    private func tensor(_ name: String) throws(LanguageSystemError) -> SafetensorsFile.Tensor {
        guard let tensor = file.tensors[name] else { throw refusal("found no tensor '\(name)'") }
        return tensor
    }

    private func word(_ key: String) throws(LanguageSystemError) -> String {
        guard let word = file.metadata[key] else { throw refusal("found no metadata '\(key)'") }
        return word
    }

    private func refusal(_ why: String) -> LanguageSystemError {
        LanguageSystemError(.invalidFeatures, "cannot read \(name): \(why)")
    }
}
