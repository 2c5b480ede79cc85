// A value as it was found, with what an error may say of it.
import Configuration
import Foundation
import LanguageSystem

/// In place of a secret.
let redacted = "<redacted>"

struct FoundSetting<Value: SettingContent>: Sendable {
    let value: Value
    /// As a person wrote it: `--lease-seconds`, `LSCOORD_LEASE_SECONDS`, `the secret leaseSeconds`.
    let name: String
    let isSecret: Bool

    /// The value in a sentence.
    var shown: String { isSecret ? redacted : value.shown }
}

/// What swift-configuration's providers give, by the type that is asked for.
protocol SettingContent: Sendable {
    static var type: ConfigType { get }
    /// - Throws: `UnexpectedContent` for another type than was asked for.
    init(_ content: ConfigContent) throws(UnexpectedContent)
    /// In a sentence: a text in quotes, a number without.
    var shown: String { get }
}

struct UnexpectedContent: Error {}

extension String: SettingContent {
    static var type: ConfigType { .string }

    init(_ content: ConfigContent) throws(UnexpectedContent) {
        guard case .string(let text) = content else { throw UnexpectedContent() }
        self = text
    }

    var shown: String { "'\(printable(80))'" }

    /// `lease`, `seconds` of `leaseSeconds`.
    var words: [String] {
        reduce(into: [""]) { words, letter in
            if letter.isUppercase { words.append("") }
            words[words.count - 1] += letter.lowercased()
        }
    }
}

extension Int: SettingContent {
    static var type: ConfigType { .int }

    init(_ content: ConfigContent) throws(UnexpectedContent) {
        guard case .int(let number) = content else { throw UnexpectedContent() }
        self = number
    }

    var shown: String { "\(self)" }
}

extension Double: SettingContent {
    static var type: ConfigType { .double }

    init(_ content: ConfigContent) throws(UnexpectedContent) {
        guard case .double(let number) = content else { throw UnexpectedContent() }
        self = number
    }

    var shown: String { "\(self)" }
}

extension [String]: SettingContent {
    static var type: ConfigType { .stringArray }

    init(_ content: ConfigContent) throws(UnexpectedContent) {
        guard case .stringArray(let texts) = content else { throw UnexpectedContent() }
        self = texts
    }

    var shown: String { joined(separator: ", ").shown }
}
