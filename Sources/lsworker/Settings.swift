// Every setting of lsworker, read once, from where SettingsReader finds it: flag, environment
// (LSWORKER_…), secrets directory, settings file (config.json in the state directory, or
// --config), default. Checked whole before anything starts.
import ArgumentParser
import EdgeWork
import Foundation
import LanguageSystem
import Logging
import ProgramSupport

/// The flag that every command shares.
struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Directory of the identity, the cache and the status.", valueName: "dir"))
    var stateDir: String?

    @Option(
        help: ArgumentHelp(
            "Settings file (JSON). Flags and environment variables override it.", valueName: "file")
    )
    var config: String?
}

struct JoinOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The coordinator's HTTPS address. Default port: 8443. Needed only to join.
            """,
            valueName: "host[:port]"))
    var coordinator: String?

    @Option(
        help: ArgumentHelp(
            "The join token. Others can see it in 'ps' for a moment; prefer --token-file.",
            valueName: "token"
        ))
    var token: String?

    @Option(
        help: ArgumentHelp(
            "File that holds the join token; '-' means standard input.", valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "The name to ask for if the token has none. Default: this machine's name.",
            valueName: "name"))
    var name: String?

    @Option(help: ArgumentHelp("Threads of each task. Default: half of the cores.", valueName: "n"))
    var threads: Int?

    @Option(help: ArgumentHelp("Tasks to run at once, 1 to 64. Default 1.", valueName: "n"))
    var capacity: Int?

    @Option(
        help: ArgumentHelp(
            "Kinds of work to do, separated by commas. Default train,evaluate,rerank.",
            valueName: "kinds"))
    var allow: String?

    @Option(
        help: ArgumentHelp(
            """
            Domains whose tasks to take, separated by commas: math/algebra, math/*. Default: all.
            """,
            valueName: "domains"))
    var domains: String?

    @Option(
        help: ArgumentHelp(
            "Megabytes of features of a task at most. Default: no limit.", valueName: "mb"))
    var taskSize: Int?

    @Option(
        help: ArgumentHelp(
            """
            Hours in which to take tasks, separated by commas: 22:00-06:00. Default: always.
            """,
            valueName: "times"))
    var hours: String?

    @Option(
        help: ArgumentHelp(
            "Megabytes of memory; beyond it the newest task is handed back. Default: no limit.",
            valueName: "mb"))
    var memory: Int?

    @Option(
        help: ArgumentHelp(
            "Nice value of the working threads, 0 to 19. Default 10.", valueName: "n")
    )
    var nice: Int?

    @Option(
        help: ArgumentHelp(
            """
            Directory of feature files that never leave this machine; the coordinator gets only \
            their descriptions and digests.
            """,
            valueName: "dir"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "The user whose data --data holds, as the token's label 'user' says. Default: none.",
            valueName: "user"))
    var dataUser: String?

    @Option(
        help: ArgumentHelp(
            "Megabytes of feature sets and weights kept on disk. Default 8192.", valueName: "mb"))
    var cacheSize: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds that running tasks get at a stop. Default 20.",
            valueName: "n"))
    var drainSeconds: Int?

    @Option(help: "Format of log lines: text or json.")
    var logFormat: String?

    @Option(help: "Lowest level to log: trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?
}

struct Settings: Sendable {
    var state: StateDirectory
    var coordinator: CoordinatorAddress?
    /// Printed nowhere.
    var token: String?
    var name: String
    var edge: EdgeSettings
    var logFormat: ProgramLogHandler.Style
    var logLevel: Logger.Level
}

extension Settings {
    static func stateDirectory(
        _ common: CommonOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> StateDirectory {
        let path =
            common.stateDir ?? environment["LSWORKER_STATE_DIR"]
            ?? defaultStateDirectory(environment)
        return StateDirectory(URL(fileURLWithPath: path).standardizedFileURL.path)
    }

    static func resolve(
        _ common: CommonOptions, _ join: JoinOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> Settings {
        let state = stateDirectory(common, environment: environment)
        return try await SettingsReader.read(
            program: "lsworker", file: common.config, defaultFile: state.settingsPath,
            environment: environment
        ) { settings in
            try Settings(&settings, state, join)
        }
    }

    private init(
        _ settings: inout SettingsReader, _ state: StateDirectory, _ join: JoinOptions
    ) throws {
        self.state = state
        coordinator = try settings.text(
            "coordinator", join.coordinator, expected: "host or host:port"
        ) { text, _ in try CoordinatorAddress(text) }
        // The flag wins over the file, the file over what is written elsewhere.
        let tokenFile = try settings.text("tokenFile", join.tokenFile)
        let token = try settings.text("token", nil, isSecret: true)
        self.token = try Self.token(flag: join.token, file: tokenFile, written: token)
        name = try settings.text("name", join.name) ?? Self.machineName()
        logFormat = try settings.choice("logFormat", join.logFormat, default: .text)
        logLevel = try settings.choice("logLevel", join.logLevel, default: .info)

        let allowed =
            try settings.text(
                "allow", join.allow, expected: Self.allowable
            ) { try Self.allowed($0, setting: $1) } ?? (taskKinds: TaskKind.leased, reranks: true)
        let policy = WorkPolicy(
            taskKinds: allowed.taskKinds, reranks: allowed.reranks,
            domains: try settings.text(
                "domains", join.domains, expected: "domains separated by commas"
            ) { text, _ in try Self.domains(text) },
            taskByteCountMax: try settings.megabytes("taskSize", join.taskSize),
            hours: try settings.text(
                "hours", join.hours, expected: "times such as 22:00-06:00"
            ) { text, _ in try WorkingHours(text) })
        let cores = ProcessInfo.processInfo.activeProcessorCount
        edge = EdgeSettings(
            capacity: try settings.wholeNumber(
                "capacity", join.capacity, in: 1...Bounds.capacityMax, default: 1),
            policy: policy,
            threadCount: try settings.wholeNumber(
                "threads", join.threads, in: 1...1_024, default: max(1, cores / 2)),
            nice: try settings.wholeNumber("nice", join.nice, in: 0...19, default: 10),
            memoryByteCountMax: try settings.megabytes("memory", join.memory),
            dataDirectory: try settings.text(
                "data", join.data, expected: "a directory"
            ) { try Self.dataDirectory($0, setting: $1) },
            dataUser: try settings.text("dataUser", join.dataUser),
            cacheByteCountMax: Int64(
                try settings.wholeNumber(
                    "cacheSize", join.cacheSize, in: 1...SettingsReader.megabytesMax,
                    default: 8_192)) << 20,
            drainDuration: .seconds(
                try settings.wholeNumber(
                    "drainSeconds", join.drainSeconds, in: 0...86_400, default: 20)))
    }

    private static let allowable =
        (TaskKind.leased.map(\.rawValue) + ["rerank"]).joined(separator: ", ")
        + ", or some of them separated by commas"

    private static func allowed(_ text: String, setting: String) throws(LanguageSystemError) -> (
        taskKinds: [TaskKind], reranks: Bool
    ) {
        let words = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let kinds = TaskKind.leased.filter { words.contains($0.rawValue) }
        let reranks = words.contains("rerank")
        guard !words.isEmpty, kinds.count + (reranks ? 1 : 0) == words.count else {
            throw .unusableSetting(
                setting, found: "'\(text.printable())'", expected: "one of " + allowable)
        }
        return (kinds, reranks)
    }

    private static func domains(_ text: String) throws(LanguageSystemError) -> [DomainPattern] {
        var patterns: [DomainPattern] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            patterns.append(try DomainPattern(word.trimmingCharacters(in: .whitespaces)))
        }
        return patterns
    }

    /// There when the worker starts: a path that is mistyped is no empty directory.
    private static func dataDirectory(_ path: String, setting: String)
        throws(LanguageSystemError) -> String
    {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
            isDirectory.boolValue
        else {
            throw LanguageSystemError(
                .invalidSettings,
                "cannot use \(setting) '\(path.printable(200))': found no such directory")
        }
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }

    private static func token(flag: String?, file: String?, written: String?)
        throws(LanguageSystemError) -> String?
    {
        if let flag { return flag.trimmingCharacters(in: .whitespacesAndNewlines) }
        guard let file else {
            // An empty variable is one that nobody has filled in.
            let token = written?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
            return token.isEmpty ? nil : token
        }
        let data: Data? =
            file == "-"
            ? try? FileHandle.standardInput.read(upToCount: 4_096)
            : FileManager.default.contents(atPath: file)
        guard let data, data.count <= 4_096 else { throw .unreadableTokenFile(file) }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Root keeps state where services do; a person, in their own state directory.
    private static func defaultStateDirectory(_ environment: [String: String]) -> String {
        if let base = environment["XDG_STATE_HOME"], !base.isEmpty { return base + "/lsworker" }
        if getuid() == 0 { return "/var/lib/lsworker" }
        return (environment["HOME"] ?? ".") + "/.local/state/lsworker"
    }

    /// This machine's name, as far as it is a worker's name.
    private static func machineName() -> String {
        let name = ProcessInfo.processInfo.hostName.lowercased().split(separator: ".").first ?? ""
        let fitting = name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }.drop {
            $0 == "-"
        }
        return fitting.isEmpty ? "worker" : String(fitting.prefix(50))
    }
}

extension SettingsReader {
    fileprivate static let megabytesMax = 100_000_000

    /// Nil: as much as there is. Only a flag cannot say 0, which means the same.
    fileprivate mutating func megabytes(_ key: String, _ flag: Int?) throws -> Int64? {
        let count = try wholeNumber(
            key, flag, in: (flag == nil ? 0 : 1)...Self.megabytesMax, default: 0)
        return count == 0 ? nil : Int64(count) << 20
    }
}

extension LanguageSystemError {
    static func unreadableTokenFile(_ path: String) -> Self {
        Self(.invalidSettings, "cannot read the token file \(path)")
    }

    static func neverJoined(_ state: String) -> Self {
        Self(
            .invalidSettings, "cannot start: this worker has not joined yet (nothing in \(state))",
            hint:
                """
                lsworker join --coordinator HOST --token-file FILE; the coordinator's admin makes \
                the token: lscoord token create
                """
        )
    }

    static func tokenWithoutCoordinator() -> Self {
        Self(
            .invalidSettings, "cannot join: found a token but no coordinator",
            hint: "add --coordinator host[:port]")
    }
}
