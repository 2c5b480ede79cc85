// Every setting of lsworker, read once: flag, then environment (LSWORKER_…), then the file
// (config.json in the state directory, or --config), then the default. Checked whole.
import ArgumentParser
import Configuration
import EdgeWork
import Foundation
import LanguageSystem
import SystemPackage

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
    var logFormat: String
    var logLevel: String
}

extension Settings {
    static func stateDirectory(_ common: CommonOptions) -> StateDirectory {
        let environment = ProcessInfo.processInfo.environment
        let path =
            common.stateDir ?? environment["LSWORKER_STATE_DIR"]
            ?? defaultStateDirectory(environment)
        return StateDirectory(URL(fileURLWithPath: path).standardizedFileURL.path)
    }

    static func resolve(_ common: CommonOptions, _ join: JoinOptions) async throws -> Settings {
        let state = stateDirectory(common)
        let reader = try await reader(common, state)
        // What a file brought into the environment ends as its line does.
        func text(_ flag: String?, _ key: ConfigKey) -> String? {
            flag ?? reader.string(forKey: key)?.trimmingCharacters(in: .newlines)
        }
        func whole(
            _ flag: Int?, _ key: ConfigKey, name: String, default value: Int,
            in range: ClosedRange<Int>
        )
            throws -> Int
        {
            var found = flag.map(String.init) ?? reader.string(forKey: key)
            if found == nil, let number = reader.int(forKey: key) { found = String(number) }
            guard let found else { return value }
            guard let number = Int(found), range.contains(number) else {
                throw CoordinatorError.settingOutOfRange(name, found: found, range)
            }
            return number
        }
        func choice(
            _ flag: String?, _ key: ConfigKey, name: String, default value: String,
            among allowed: [String]
        )
            throws -> String
        {
            let found = text(flag, key) ?? value
            guard allowed.contains(found) else {
                throw CoordinatorError.unknownChoice(
                    name, found: found, expected: allowed.joined(separator: ", "))
            }
            return found
        }
        func megabytes(_ flag: Int?, _ key: ConfigKey, name: String) throws -> Int64? {
            let count = try whole(flag, key, name: name, default: 0, in: 0...100_000_000)
            if count == 0, flag != nil {
                throw CoordinatorError.settingOutOfRange(name, found: "0", 1...100_000_000)
            }
            return count == 0 ? nil : Int64(count) << 20
        }
        let allowed = try allowed(text(join.allow, "allow"))
        let cores = ProcessInfo.processInfo.activeProcessorCount
        return Settings(
            state: state,
            coordinator: try text(join.coordinator, "coordinator").map {
                try CoordinatorAddress($0)
            },
            token: try token(
                flag: join.token, file: text(join.tokenFile, "tokenFile"),
                written: text(nil, "token")),
            name: text(join.name, "name") ?? machineName(),
            edge: EdgeSettings(
                capacity: try whole(
                    join.capacity, "capacity", name: "--capacity", default: 1, in: 1...64),
                policy: WorkPolicy(
                    taskKinds: allowed.taskKinds, reranks: allowed.reranks,
                    domains: try text(join.domains, "domains").map(domains),
                    taskByteCountMax: try megabytes(
                        join.taskSize, "taskSize", name: "--task-size"),
                    hours: try text(join.hours, "hours").map { try WorkingHours($0) }),
                threadCount: try whole(
                    join.threads, "threads", name: "--threads", default: max(1, cores / 2),
                    in: 1...1_024),
                nice: try whole(join.nice, "nice", name: "--nice", default: 10, in: 0...19),
                memoryByteCountMax: try megabytes(join.memory, "memory", name: "--memory"),
                dataDirectory: try text(join.data, "data").map(dataDirectory),
                dataUser: text(join.dataUser, "dataUser"),
                cacheByteCountMax: Int64(
                    try whole(
                        join.cacheSize, "cacheSize", name: "--cache-size", default: 8_192,
                        in: 1...100_000_000)) << 20,
                drainDuration: .seconds(
                    try whole(
                        join.drainSeconds, "drainSeconds", name: "--drain-seconds", default: 20,
                        in: 0...86_400))),
            logFormat: try choice(
                join.logFormat, "logFormat", name: "--log-format", default: "text",
                among: ["text", "json"]),
            logLevel: try choice(
                join.logLevel, "logLevel", name: "--log-level", default: "info",
                among: ["trace", "debug", "info", "notice", "warning", "error", "critical"]))
    }

    private static func allowed(_ text: String?) throws(CoordinatorError) -> (
        taskKinds: [TaskKind], reranks: Bool
    ) {
        guard let text else { return (TaskKind.leased, true) }
        let words = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let kinds = TaskKind.leased.filter { words.contains($0.rawValue) }
        let reranks = words.contains("rerank")
        guard !words.isEmpty, kinds.count + (reranks ? 1 : 0) == words.count else {
            throw .unknownChoice(
                "--allow", found: text.printable(),
                expected: (TaskKind.leased.map(\.rawValue) + ["rerank"]).joined(separator: ", ")
                    + ", or some of them separated by commas")
        }
        return (kinds, reranks)
    }

    private static func domains(_ text: String) throws(CoordinatorError) -> [DomainPattern] {
        var patterns: [DomainPattern] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            patterns.append(try DomainPattern(word.trimmingCharacters(in: .whitespaces)))
        }
        return patterns
    }

    /// There when the worker starts: a path that is mistyped is no empty directory.
    private static func dataDirectory(_ path: String) throws(CoordinatorError) -> String {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
            isDirectory.boolValue
        else {
            throw CoordinatorError(
                .invalidSettings,
                "cannot use --data '\(path.printable(200))': found no such directory")
        }
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// The flag wins over the file, the file over the environment.
    private static func token(flag: String?, file: String?, written: String?)
        throws(CoordinatorError) -> String?
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

    private static func reader(_ common: CommonOptions, _ state: StateDirectory) async throws
        -> ConfigReader
    {
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider().prefixKeys(with: "lsworker")
        ]
        let named = common.config ?? ProcessInfo.processInfo.environment["LSWORKER_CONFIG"]
        let path = named ?? state.settingsPath
        if named != nil || FileManager.default.fileExists(atPath: path) {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
            } catch {
                throw CoordinatorError.unreadableSettings(path, cause: "\(error)")
            }
        }
        return ConfigReader(providers: providers)
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

extension CoordinatorError {
    static func unknownChoice(_ name: String, found: String, expected: String) -> Self {
        Self(.invalidSettings, "cannot use \(name) '\(found)': expected one of \(expected)")
    }

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
