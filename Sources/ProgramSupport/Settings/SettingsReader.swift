// Reads the settings of a program, each from the first place that has it: a flag, the environment
// (LSCOORD_LEASE_SECONDS), a file of the secrets directory (leaseSeconds), the settings file
// ({"leaseSeconds": 10}), the default. A setting is described once, where it is read: its key, its
// flag, what is expected of it, its default. What is found and is not as expected is refused with
// the setting's name as a person wrote it; nothing falls back to a default in silence.
import Configuration
public import Foundation
public import LanguageSystem

public struct SettingsReader {
    private let program: String
    private let environment: any ConfigSnapshot
    private let secrets: SecretsDirectory?
    private let file: SettingsFile?
    /// The keys that were asked for: all that there are, once everything is read.
    private var keys: Set<String> = []

    /// Reads all settings in `body`, then refuses those that `body` did not ask for.
    ///
    /// - Parameters:
    ///   - program: Its name, `lscoord`: variables of the environment begin with `LSCOORD_`.
    ///   - file: The settings file that a flag names; nil: the one that `LSCOORD_CONFIG` names.
    ///   - defaultFile: Read if it exists and no other is named.
    /// - Throws: `invalidSettings`, and what `body` throws.
    public static func read<Settings>(
        program: String, file: String?, defaultFile: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        _ body: (inout SettingsReader) throws -> Settings
    ) async throws -> Settings {
        var reader = try await SettingsReader(
            program: program, file: file, defaultFile: defaultFile, environment: environment)
        let settings = try body(&reader)
        try reader.file?.refuseUnknown(known: reader.keys)
        try reader.secrets?.refuseMistyped(known: reader.keys)
        return settings
    }

    private init(
        program: String, file: String?, defaultFile: String?, environment: [String: String]
    ) async throws {
        self.program = program
        let prefix = program.uppercased() + "_"
        // What a file brought into the environment ends as its line does.
        let own = environment.filter { $0.key.hasPrefix(prefix) }
            .mapValues { $0.trimmingCharacters(in: .newlines) }
        self.environment = EnvironmentVariablesProvider(environmentVariables: own)
            .prefixKeys(with: ConfigKey(program)).snapshot()
        secrets = try await SecretsDirectory(prefix: prefix, environment: environment)
        if let path = file ?? environment[prefix + "CONFIG"] {
            self.file = try SettingsFile(path: path)
        } else if let defaultFile, FileManager.default.fileExists(atPath: defaultFile) {
            self.file = try SettingsFile(path: defaultFile)
        } else {
            self.file = nil
        }
    }

    // MARK: Settings

    /// A text.
    public mutating func text(_ key: String, _ flag: String?, isSecret: Bool = false)
        throws(LanguageSystemError) -> String?
    {
        try find(key, flag, isSecret: isSecret, expected: "text")?.value
    }

    /// A text that says something else: an address, times, a path.
    ///
    /// - Parameters:
    ///   - expected: What it should be, said in place of a value that may not be shown.
    ///   - isSecret: Then `parse` shows nothing of the text in what it throws.
    ///   - parse: Takes the text, and the setting's name as a person wrote it.
    public mutating func text<Value>(
        _ key: String, _ flag: String?, expected: String, isSecret: Bool = false,
        as parse: (_ text: String, _ name: String) throws -> Value
    ) throws -> Value? {
        guard let found = try find(key, flag, isSecret: isSecret, expected: expected) else {
            return nil
        }
        do {
            return try parse(found.value, found.name)
        } catch is LanguageSystemError where found.isSecret && !isSecret {
            throw LanguageSystemError.unusableSetting(
                found.name, found: found.shown, expected: expected)
        }
    }

    /// Texts: several flags, a list in the settings file, elsewhere separated by commas.
    ///
    /// - Parameters:
    ///   - flags: None: the flag was not given.
    ///   - flagName: The flag, which is named in the singular.
    ///   - expected: What they should be, said in place of a value that may not be shown.
    ///   - check: Takes each text, and the setting's name as a person wrote it.
    public mutating func texts(
        _ key: String, _ flags: [String], flagName: String, expected: String,
        check: (_ text: String, _ name: String) throws -> Void
    ) throws -> [String] {
        let found = try find(
            key, flags.isEmpty ? nil : flags, flagName: flagName, expected: expected)
        guard let found else { return [] }
        let texts = found.value.filter { !$0.isEmpty }
        for text in texts {
            do {
                try check(text, found.name)
            } catch is LanguageSystemError where found.isSecret {
                throw LanguageSystemError.unusableSetting(
                    found.name, found: found.shown, expected: expected)
            }
        }
        return texts
    }

    /// A whole number.
    public mutating func wholeNumber(
        _ key: String, _ flag: Int?, in range: ClosedRange<Int>, default value: Int
    ) throws(LanguageSystemError) -> Int {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return try number(key, flag, in: range, expected: expected) ?? value
    }

    /// A number.
    public mutating func number(
        _ key: String, _ flag: Double?, in range: ClosedRange<Double>, default value: Double
    ) throws(LanguageSystemError) -> Double {
        let expected = String(
            format: "a number from %g to %g", range.lowerBound, range.upperBound)
        return try number(key, flag, in: range, expected: expected) ?? value
    }

    /// One of a few words.
    public mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ flag: String?, default value: Choice
    ) throws(LanguageSystemError) -> Choice {
        let expected =
            "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ")
        guard let found = try find(key, flag, expected: expected) else { return value }
        guard let choice = Choice(rawValue: found.value) else {
            throw .unusableSetting(found.name, found: found.shown, expected: expected)
        }
        return choice
    }

    // MARK: Where they are found

    private mutating func number<Number: SettingContent & Comparable>(
        _ key: String, _ flag: Number?, in range: ClosedRange<Number>, expected: String
    ) throws(LanguageSystemError) -> Number? {
        guard let found = try find(key, flag, expected: expected) else { return nil }
        guard range.contains(found.value) else {
            throw .unusableSetting(found.name, found: found.shown, expected: expected)
        }
        return found.value
    }

    /// - Parameter flagName: Nil: `--lease-seconds` for `leaseSeconds`.
    private mutating func find<Value: SettingContent>(
        _ key: String, _ flag: Value?, flagName: String? = nil, isSecret: Bool = false,
        expected: String
    ) throws(LanguageSystemError) -> FoundSetting<Value>? {
        keys.insert(key)
        let words = key.words
        if let flag {
            let name = flagName ?? "--" + words.joined(separator: "-")
            return FoundSetting(value: flag, name: name, isSecret: isSecret)
        }
        let variable = ([program] + words).joined(separator: "_").uppercased()
        let places: [(name: String, values: (any ConfigSnapshot)?)] = [
            (variable, environment), ("the secret \(key)", secrets),
            ("the settings file's \(key)", file),
        ]
        for case (let name, let values?) in places {
            do {
                let found = try values.value(forKey: AbsoluteConfigKey([key]), type: Value.type)
                guard let found = found.value else { continue }
                return FoundSetting(
                    value: try Value(found.content), name: name,
                    isSecret: isSecret || found.isSecret)
            } catch let error as LanguageSystemError {
                throw error
            } catch let mistyped as SettingsFile.Mistyped {
                throw .mistypedSetting(
                    name, found: isSecret ? mistyped.kind : mistyped.found, expected: expected)
            } catch {
                let found = Self.text(of: key, in: values)
                let isSecret = isSecret || found?.isSecret ?? true
                throw .unusableSetting(
                    name, found: isSecret ? redacted : found?.text.shown ?? "", expected: expected)
            }
        }
        return nil
    }

    /// What stands there for a value that is no number.
    private static func text(of key: String, in values: any ConfigSnapshot)
        -> (text: String, isSecret: Bool)?
    {
        guard let found = try? values.value(forKey: AbsoluteConfigKey([key]), type: .string).value,
            let text = try? String(found.content)
        else { return nil }
        return (text, found.isSecret)
    }
}
