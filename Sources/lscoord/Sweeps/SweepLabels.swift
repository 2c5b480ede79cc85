// What tells the configurations of a sweep apart: of all keys only those whose values differ.
import Foundation

struct SweepLabels {
    /// One for each configuration, in order: `batch_groups 256, lr 0.05, momentum 0, schedule
    /// cosine`.
    let texts: [String]

    /// - Parameter configurations: JSON objects.
    init(_ configurations: [String]) {
        let flat = configurations.map(Self.flattened)
        let keys = Set(flat.flatMap(\.keys)).sorted().filter { key in
            Set(flat.map { $0[key] ?? "" }).count > 1
        }
        texts = flat.map { values in
            let text = keys.compactMap { key in values[key].map { "\(key) \($0)" } }
                .joined(separator: ", ")
            return text.isEmpty ? "as the ranker's own" : text
        }
    }

    /// Objects within are opened: only the last word of a key is kept, as no two are the same.
    private static func flattened(_ json: String) -> [String: String] {
        let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        var values: [String: String] = [:]
        func add(_ object: [String: Any]) {
            for (key, value) in object {
                if let inner = value as? [String: Any] {
                    add(inner)
                } else {
                    values[key] = "\(value)"
                }
            }
        }
        add(object ?? [:])
        return values
    }
}
