// What `--sweep` names: the paper's grid, or a file with a list of training configurations. Each
// entry is checked whole before the first task is asked for; one that is bad is refused by its
// position.
import Foundation
import LanguageSystem
import Rankers

enum SweepList: Sendable {
    case paper
    /// Objects whose keys replace those of the ranker's own training configuration, and the list's
    /// own text.
    case file(name: String, entries: [String], text: String)

    static let entryCountMax = 500
    static let fileByteCountMax = 4 << 20

    var name: String {
        switch self {
        case .paper: "paper"
        case .file(let name, _, _): name
        }
    }

    /// `paper`, or the path of a JSON file.
    init(_ argument: String) throws(LanguageSystemError) {
        guard argument != "paper" else {
            self = .paper
            return
        }
        let url = URL(fileURLWithPath: argument)
        guard let handle = try? FileHandle(forReadingFrom: url),
            let data = try? handle.read(upToCount: Self.fileByteCountMax + 1)
        else {
            throw .unusableSweep(
                argument, "found no file that can be read, expected 'paper' or a JSON file")
        }
        guard data.count <= Self.fileByteCountMax else {
            throw .unusableSweep(
                argument, "found more than \(Self.fileByteCountMax) bytes, expected a short list")
        }
        guard let text = String(data: data, encoding: .utf8),
            let list = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [Any]
        else {
            throw .unusableSweep(argument, "found no JSON list, expected training configurations")
        }
        do {
            // Of two equal keys the decoder took one without a word.
            try JSONScan.check(data)
        } catch {
            throw .unusableSweep(argument, error.found)
        }
        self = .file(
            name: String(url.lastPathComponent.prefix(200)),
            entries: try Self.entries(of: list, argument), text: text)
    }

    private static func entries(of list: [Any], _ file: String) throws(LanguageSystemError)
        -> [String]
    {
        guard (1...entryCountMax).contains(list.count) else {
            throw .unusableSweep(
                file, "found \(list.count) configurations, expected 1 to \(entryCountMax)")
        }
        var entries: [String] = []
        for (index, entry) in list.enumerated() {
            guard let object = entry as? [String: Any],
                let bytes = try? JSONSerialization.data(withJSONObject: object)
            else { throw .unusableSweep(file, "entry \(index + 1) is no JSON object") }
            entries.append(String(decoding: bytes, as: UTF8.self))
        }
        return entries
    }

    /// What `requestSweep` is given for one ranker, once every entry was read as it will be there.
    ///
    /// - Parameter training: The ranker's own training configuration, as JSON.
    /// - Returns: Nil for the paper's grid, which the database knows, too; a test compares the two.
    func configurations(training: String) throws(LanguageSystemError) -> String? {
        guard case .file(let name, let entries, let text) = self else { return nil }
        for (index, entry) in entries.enumerated() {
            do {
                _ = try TrainingConfiguration(
                    json: try JSONMerge.replacingKeys(of: training, with: entry))
            } catch {
                throw LanguageSystemError(
                    error.code, "cannot use --sweep \(name), entry \(index + 1): \(error.message)",
                    hint: error.hint)
            }
        }
        return text
    }
}

extension LanguageSystemError {
    static func unusableSweep(_ argument: String, _ why: String) -> Self {
        Self(
            .invalidArgument, "cannot use --sweep \(argument): \(why)",
            hint: #"for example [{"batch_groups": 64}, {"batch_groups": 256}]"#)
    }
}
