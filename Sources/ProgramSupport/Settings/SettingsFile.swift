// The settings file: one JSON object, one key a setting. swift-configuration's own reader of JSON
// takes a truth value for a number and does not say which keys there are, so that a mistyped one
// would be as good as none.
import Configuration
import Foundation
import LanguageSystem

struct SettingsFile: ConfigSnapshot {
    /// A value of another type than its setting has.
    struct Mistyped: Error {
        /// `the number 5`
        let found: String
        /// `a number`
        let kind: String
    }

    let providerName = "settings file"
    private let path: String
    private let values: [String: JSONValue]

    /// - Throws: `invalidSettings`.
    init(path: String) throws(LanguageSystemError) {
        self.path = path
        guard FileManager.default.fileExists(atPath: path) else {
            throw .unreadableSettings(path, found: "no such file")
        }
        do {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            values = try JSONDecoder().decode([String: JSONValue].self, from: bytes)
        } catch {
            throw .unreadableSettings(
                path, found: "no readable JSON object", cause: "\(error)")
        }
    }

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        let name = key.components.joined(separator: ".")
        guard let value = values[name], value != .null else {
            return LookupResult(encodedKey: name, value: nil)
        }
        guard let content = value.content(as: type) else {
            throw Mistyped(found: value.description, kind: value.kind)
        }
        return LookupResult(encodedKey: name, value: ConfigValue(content, isSecret: false))
    }

    /// - Throws: `invalidSettings` for a key that is no setting's.
    func refuseUnknown(known: Set<String>) throws(LanguageSystemError) {
        guard let key = values.keys.filter({ !known.contains($0) }).min() else { return }
        throw .unknownSetting(key, in: "the settings file \(path)", known: known)
    }
}

/// What stands behind a key.
private enum JSONValue: Decodable, Sendable, Equatable, CustomStringConvertible {
    case null
    case truth(Bool)
    case whole(Int)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let truth = try? container.decode(Bool.self) {
            self = .truth(truth)
        } else if let number = try? container.decode(Int.self) {
            self = .whole(number)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([JSONValue].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// The value as the type that its setting has; nil: it is none of it. A text may say a number,
    /// or a list with commas, as it does everywhere else.
    func content(as type: ConfigType) -> ConfigContent? {
        switch (type, self) {
        case (.string, .text(let text)): .string(text.trimmingCharacters(in: .newlines))
        case (.int, .whole(let number)): .int(number)
        case (.int, .text(let text)): Int(text).map(ConfigContent.int)
        case (.double, .whole(let number)): .double(Double(number))
        case (.double, .number(let number)): .double(number)
        case (.double, .text(let text)): Double(text).map(ConfigContent.double)
        case (.stringArray, .text(let text)):
            .stringArray(
                text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        case (.stringArray, .list(let list)):
            Self.texts(of: list).map(ConfigContent.stringArray)
        default: nil
        }
    }

    /// Nil: something else is among them.
    private static func texts(of list: [JSONValue]) -> [String]? {
        let texts = list.compactMap { value in
            if case .text(let text) = value { text } else { nil }
        }
        return texts.count == list.count ? texts : nil
    }

    var kind: String {
        switch self {
        case .null: "nothing"
        case .truth: "a truth value"
        case .whole, .number: "a number"
        case .text: "text"
        case .list: "a list"
        case .object: "an object"
        }
    }

    var description: String {
        switch self {
        case .truth(let truth): "\(truth)"
        case .whole(let number): "the number \(number)"
        case .number(let number): "the number \(number)"
        case .text(let text): text.shown
        case .null, .list, .object: kind
        }
    }
}
