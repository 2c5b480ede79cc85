// What `--sweep` names: the paper's grid, or a file with a list of training configurations. Each entry
// is checked whole before the first task is asked for; one that is bad is refused by its position.
import Foundation
import LanguageSystem
import Rankers

enum SweepList: Sendable {
    case paper
    /// Objects whose keys replace those of the ranker's own training configuration.
    case entries(name: String, json: [String])

    static let entryCountMax = 500
    static let fileByteCountMax = 4 << 20

    var name: String {
        switch self {
        case .paper: "paper"
        case .entries(let name, _): name
        }
    }

    /// `paper`, or the path of a JSON file.
    init(_ argument: String) throws(CoordinatorError) {
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
        self = .entries(
            name: String(url.lastPathComponent.prefix(200)),
            json: try Self.entries(of: data, argument))
    }

    private static func entries(of data: Data, _ file: String) throws(CoordinatorError)
        -> [String]
    {
        guard let list = (try? JSONSerialization.jsonObject(with: data)) as? [Any] else {
            throw .unusableSweep(file, "found no JSON list, expected training configurations")
        }
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

    /// The whole configurations for one ranker, as one JSON list.
    ///
    /// - Parameter training: The ranker's own training configuration, as JSON.
    func configurations(kind: RankerKind, training: String) throws(CoordinatorError) -> String {
        switch self {
        case .paper:
            return Self.list(TrainingConfiguration.paperGrid(kind: kind))
        case .entries(let name, let json):
            var whole: [TrainingConfiguration] = []
            for (index, entry) in json.enumerated() {
                do {
                    whole.append(
                        try TrainingConfiguration(
                            json: JSONMerge.replacingKeys(of: training, with: entry)))
                } catch {
                    throw CoordinatorError(
                        error.code,
                        "cannot use --sweep \(name), entry \(index + 1): \(error.message)",
                        hint: error.hint)
                }
            }
            return Self.list(whole)
        }
    }

    private static func list(_ configurations: [TrainingConfiguration]) -> String {
        "[\(configurations.map(\.json).joined(separator: ","))]"
    }
}

extension CoordinatorError {
    static func unusableSweep(_ argument: String, _ why: String) -> Self {
        Self(
            .invalidArgument, "cannot use --sweep \(argument): \(why)",
            hint: #"for example [{"batch_groups": 64}, {"batch_groups": 256}]"#)
    }
}
