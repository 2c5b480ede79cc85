// One connection to PostgreSQL, used synchronously on its own thread. Every wait is a poll(2) with
// a deadline; past it the server gets a cancel request and the connection is given up, because
// nobody can know what a late answer would belong to. What a connection is used for, and when it
// is replaced, the pool decides.
import CLibPQ
import Foundation
import Glibc
package import Logging

/// A connection inside the body given to `ConnectionPool.withConnection`. It is not Sendable, so it
/// cannot leave that body.
public final class Connection {
    private let handle: OpaquePointer
    private let configuration: ConnectionConfiguration
    private let interrupt: Interrupt
    private let logger: Logger
    private var statements: StatementCache
    /// The deadline of the present use, if its caller gave one.
    private var useDeadline: ContinuousClock.Instant?
    /// The server's present `statement_timeout`.
    private var statementTimeout: Duration
    /// Whether the connection can no longer be used; the pool then replaces it.
    private(set) var isSpent = false
    /// Why the server ended the conversation, if it said so before.
    private var lastWords: String?

    /// Connects; blocks until that has succeeded or `connectDeadline` is over.
    package init(_ configuration: ConnectionConfiguration, interrupt: Interrupt, logger: Logger)
        throws(PostgresError)
    {
        self.configuration = configuration
        self.interrupt = interrupt
        self.logger = logger
        statements = StatementCache(countMax: configuration.preparedStatementCountMax)
        statementTimeout = configuration.statementDeadline
        handle = try Self.connect(configuration)
        // The receiver is called only from inside libpq calls made by this object.
        PQsetNoticeReceiver(
            handle,
            { connection, result in
                guard let connection, let result else { return }
                Unmanaged<Connection>.fromOpaque(connection).takeUnretainedValue().noticed(result)
            }, Unmanaged.passUnretained(self).toOpaque())
        guard PQsetnonblocking(handle, 1) == 0 else {
            throw .cannotConnect("the socket cannot be made non-blocking")
        }
        let milliseconds = statementTimeout.milliseconds
        do {
            try executeScript(
                """
                set statement_timeout = \(milliseconds);
                set idle_in_transaction_session_timeout = \(max(60_000, milliseconds));
                set client_connection_check_interval = 5000;
                set idle_session_timeout = 0;
                set extra_float_digits = 1;
                """)
        } catch {
            guard error.isOfSetting else { throw error }
            throw PostgresError(
                .refused, "cannot use this PostgreSQL server: \(error.message)",
                sqlState: error.sqlState, hint: error.hint)
        }
    }

    deinit { PQfinish(handle) }

    private static func connect(_ configuration: ConnectionConfiguration) throws(PostgresError)
        -> OpaquePointer
    {
        let parameters = configuration.parameters
        var keywords: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.keyword)) }
        var values: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.value)) }
        defer { for text in keywords + values { free(UnsafeMutablePointer(mutating: text)) } }
        keywords.append(nil)
        values.append(nil)
        guard let handle = PQconnectdbParams(keywords, values, 1) else {
            throw .cannotConnect("out of memory")
        }
        if PQstatus(handle) != CONNECTION_OK {
            let text = String(cString: PQerrorMessage(handle))
            let needsPassword = PQconnectionNeedsPassword(handle) != 0
            // libpq tells the SQLSTATE of a refused connection only in its verbose text.
            if ConnectFailure.isServerSpeaking(text) {
                PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
                PQreset(handle)
                PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
            }
            if PQstatus(handle) != CONNECTION_OK {
                defer { PQfinish(handle) }
                throw .cannotConnect(
                    ConnectFailure(
                        text, verboseText: String(cString: PQerrorMessage(handle)),
                        needsPassword: needsPassword, secrets: secrets(of: handle)))
            }
        }
        let version = PQserverVersion(handle)
        if version < 150_000 {
            PQfinish(handle)
            throw PostgresError(
                .refused,
                """
                cannot connect to PostgreSQL: the server is version \(version / 10_000), 15 or \
                later is needed
                """
            )
        }
        return handle
    }

    /// The values of settings that no error may repeat: all but the names of hosts, user and
    /// database, and also these when more is attached to them.
    private static func secrets(of handle: OpaquePointer) -> [String] {
        let names = ["host", "hostaddr", "port", "user", "dbname", "fallback_application_name"]
        return options(of: handle).filter { option in
            names.contains(option.keyword)
                ? option.value.contains("=")
                : option.value.count > 2 && option.value != option.preset
        }.map(\.value)
    }

    /// The options as libpq understood them, with its defaults.
    private static func options(of handle: OpaquePointer)
        -> [(keyword: String, value: String, preset: String?)]
    {
        guard let settings = PQconninfo(handle) else { return [] }
        defer { PQconninfoFree(settings) }
        var options: [(keyword: String, value: String, preset: String?)] = []
        var option = settings
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                options.append(
                    (
                        String(cString: keyword), String(cString: value),
                        option.pointee.compiled.map { String(cString: $0) }
                    ))
            }
            option += 1
        }
        return options
    }

    /// libpq's last error, on one line.
    private static func message(of handle: OpaquePointer) -> String {
        String(cString: PQerrorMessage(handle))
            .split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .joined(separator: "; ")
    }

    /// The reason of a lost connection: the server's own last message, if any, without libpq's
    /// guess ("probably means the server terminated abnormally").
    static func reasonOfLoss(_ message: String) -> String {
        guard let guess = message.range(of: "server closed the connection unexpectedly") else {
            return message
        }
        let said = message[..<guess.lowerBound].trimmingCharacters(in: [" ", ";"])
        return said.isEmpty ? "the server closed it" : said.replacing("FATAL:  ", with: "")
    }

    /// What a function of ours raises as a warning is for the operator; the rest (“relation exists,
    /// skipping”) is of use only when looking for a mistake.
    private func noticed(_ result: OpaquePointer) {
        let text =
            PQresultErrorField(result, Int32(UInt8(ascii: "M")))
            .map { String(cString: $0) } ?? ""
        let severity = PQresultErrorField(result, Int32(UInt8(ascii: "V")))
            .map { String(cString: $0) }
        if severity == "FATAL" || severity == "PANIC" { lastWords = text }
        logger.log(level: severity == "WARNING" ? .warning : .debug, "PostgreSQL says: \(text)")
    }

    // MARK: Statements

    /// Runs one statement with its parameters; each connection prepares it once.
    @discardableResult
    public func execute(_ sql: String, _ parameters: (any PostgresEncodable)?...)
        throws(PostgresError) -> Rows
    {
        try execute(sql, parameters: parameters)
    }

    @discardableResult
    public func execute(_ sql: String, parameters: [(any PostgresEncodable)?])
        throws(PostgresError) -> Rows
    {
        do {
            return try executeOnce(sql, parameters)
        } catch  where Self.meansStalePlan(error) {
            // Another session changed the tables. The server refused before it did anything;
            // outside a transaction we can simply prepare the statement anew.
            try forget(sql)
            guard PQtransactionStatus(handle) == PQTRANS_IDLE else { throw error }
            return try executeOnce(sql, parameters)
        }
    }

    /// Runs statements without parameters, one after another, in one implicit transaction unless
    /// the script says otherwise. Results are discarded.
    public func executeScript(_ sql: String) throws(PostgresError) {
        _ = try converse { PQsendQuery(handle, sql) }
    }

    /// Whether the error means a stale plan: "cached plan must not change result type" or "prepared
    /// statement does not exist".
    private static func meansStalePlan(_ error: PostgresError) -> Bool {
        error.sqlState == "26000"
            || (error.sqlState == "0A000" && error.message.contains("cached plan"))
    }

    private func forget(_ sql: String) throws(PostgresError) {
        if let statement = statements.remove(sql),
            PQtransactionStatus(handle) == PQTRANS_IDLE
        {
            // A statement that does not exist needs no deallocating.
            try? executeScript("deallocate \(statement.name)")
        }
    }

    private func executeOnce(_ sql: String, _ parameters: [(any PostgresEncodable)?])
        throws(PostgresError) -> Rows
    {
        let statement = try prepare(sql)
        let encoded = try EncodedParameters(parameters, as: statement.parameterTypes)
        let memory = try converse {
            encoded.withPointers { values, lengths, formats in
                PQsendQueryPrepared(
                    handle, statement.name, Int32(parameters.count), values, lengths, formats, 1)
            }
        }
        return Rows(memory: memory)
    }

    private func prepare(_ sql: String) throws(PostgresError) -> PreparedStatement {
        if let statement = statements.find(sql) { return statement }
        if let old = statements.makeRoom() { try executeScript("deallocate \(old.name)") }
        let name = statements.newName()
        _ = try converse { PQsendPrepare(handle, name, sql, 0, nil) }
        let description = try converse { PQsendDescribePrepared(handle, name) }
        let statement = PreparedStatement(
            name: name,
            parameterTypes: (0..<PQnparams(description.result)).map {
                PostgresType(oid: PQparamtype(description.result, $0))
            },
            columnTypes: description.columnTypes)
        statements.insert(statement, for: sql)
        return statement
    }

    // MARK: Transactions

    /// Runs `body` between begin and commit; if it throws, rolls back and throws the same error.
    ///
    /// An error of kind `connection` or `deadline` out of the commit itself leaves open whether it
    /// happened: the caller must be able to do the same again.
    @discardableResult
    public func transaction<T>(_ isolation: Isolation = .readCommitted, _ body: () throws -> T)
        throws -> T
    {
        guard PQtransactionStatus(handle) == PQTRANS_IDLE || isSpent else {
            throw PostgresError.usage("a transaction cannot begin inside another")
        }
        try executeScript("begin isolation level \(isolation.rawValue)")
        do {
            let value = try body()
            let end = try converse { PQsendQuery(handle, "commit") }
            // The server answers the commit of a failed transaction with a rollback.
            guard String(cString: PQcmdStatus(end.result)) == "COMMIT" else {
                throw PostgresError.usage(
                    "the transaction was rolled back: a statement in it had failed and the error "
                        + "was passed over")
            }
            return value
        } catch {
            rollBack()
            throw error
        }
    }

    /// Rolls back an open transaction, if the connection still works. If that fails, the connection
    /// is not used again.
    func rollBack() {
        guard !isSpent, PQtransactionStatus(handle) != PQTRANS_IDLE else { return }
        do {
            _ = try converse(isCleanup: true) { PQsendQuery(handle, "rollback") }
        } catch {
            isSpent = true
        }
    }

    // MARK: COPY

    /// Streams rows into a table in binary form. When `body` throws, none of them is kept.
    ///
    /// `write` waits while the server does not read.
    ///
    /// - Returns: The number of rows that the server counted.
    @discardableResult
    public func copyIn(
        _ table: String, columns: [String], _ body: (CopyWriter) throws -> Void
    ) throws -> Int {
        let columnList = columns.map(Self.quoted).joined(separator: ", ")
        let tableName = table.split(separator: ".").map { Self.quoted(String($0)) }
            .joined(separator: ".")
        let types = try prepare("select \(columnList) from \(tableName) limit 0").columnTypes
        let start = try converse(allowsCopy: true) {
            PQsendQuery(
                handle, "copy \(tableName) (\(columnList)) from stdin (format binary)")
        }
        guard PQresultStatus(start.result) == PGRES_COPY_IN else {
            throw PostgresError.usage("the server did not begin the copy")
        }
        let writer = CopyWriter(self, types: types)
        do {
            try body(writer)
            try writer.finish()
        } catch {
            writer.abandon()
            if !isSpent {
                _ = try? converse(isCleanup: true) {
                    PQputCopyEnd(handle, "the writer gave up")
                }
            }
            throw error
        }
        let end = try converse { PQputCopyEnd(handle, nil) }
        return Int(String(cString: PQcmdTuples(end.result))) ?? 0
    }

    /// Sends one piece of the stream; returns when the server has received it.
    func putCopy(_ bytes: [UInt8]) throws(PostgresError) {
        let limit = try beginWait(isCleanup: false)
        let status = bytes.withUnsafeBytes { buffer in
            PQputCopyData(
                handle, buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(buffer.count))
        }
        guard status == 1 else { throw lost() }
        try flush(limit)
    }

    private static func quoted(_ name: String) -> String {
        "\"" + name.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }

    // MARK: The conversation

    /// The latest end of a wait, and its whole length.
    private struct Limit {
        let end: ContinuousClock.Instant
        let duration: Duration
        let isCleanup: Bool
    }

    /// Sends, waits for all results, and returns the last one; the first error is thrown.
    private func converse(
        isCleanup: Bool = false, allowsCopy: Bool = false, _ send: () -> Int32
    ) throws(PostgresError) -> ResultMemory {
        let limit = try beginWait(isCleanup: isCleanup)
        guard send() == 1 else { throw lost() }
        try flush(limit)
        var last: ResultMemory?
        var failure: PostgresError?
        while let result = try nextResult(limit) {
            let memory = ResultMemory(result)
            last = memory
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: break
            case PGRES_COPY_IN:
                if allowsCopy { return memory }
                failure = failure ?? .usage("COPY FROM STDIN goes through copyIn")
                _ = PQputCopyEnd(handle, "not begun through copyIn")
                try flush(limit)
            case PGRES_COPY_OUT, PGRES_COPY_BOTH:
                isSpent = true
                throw .usage("COPY TO STDOUT is not supported")
            default:
                failure = failure ?? serverError(result)
            }
        }
        if PQstatus(handle) == CONNECTION_BAD { isSpent = true }
        if let failure {
            // A standby: a new connection may find the new primary (target_session_attrs).
            if failure.sqlState == "25006" { isSpent = true }
            if interrupt.isRaised && failure.sqlState == "57014" { throw .statementCancelled }
            throw failure
        }
        guard let last else { throw lost() }
        return last
    }

    private func beginWait(isCleanup: Bool) throws(PostgresError) -> Limit {
        guard !isSpent else { throw .connectionLost("it was given up after an earlier error") }
        let now = ContinuousClock.now
        if isCleanup {
            return Limit(end: now + .seconds(2), duration: .seconds(2), isCleanup: true)
        }
        if interrupt.isRaised { throw .statementCancelled }
        if let useDeadline {
            guard useDeadline > now else { throw .statementTooLate(after: .zero) }
            return Limit(end: useDeadline, duration: useDeadline - now, isCleanup: false)
        }
        // The server's own timeout comes first and leaves the connection whole.
        let duration = configuration.statementDeadline + .seconds(1)
        return Limit(end: now + duration, duration: duration, isCleanup: false)
    }

    private func flush(_ limit: Limit) throws(PostgresError) {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                try wait(for: Int16(POLLIN) | Int16(POLLOUT), limit)
                // A server that has much to say must be heard before it listens again.
                guard PQconsumeInput(handle) == 1 else { throw lost() }
            default: throw lost()
            }
        }
    }

    private func nextResult(_ limit: Limit) throws(PostgresError) -> OpaquePointer? {
        while PQisBusy(handle) != 0 {
            try wait(for: Int16(POLLIN), limit)
            guard PQconsumeInput(handle) == 1 else { throw lost() }
        }
        return PQgetResult(handle)
    }

    /// Waits until the socket is ready. At the limit, or when interrupted, cancels the statement
    /// and gives the connection up.
    private func wait(for events: Int16, _ limit: Limit) throws(PostgresError) {
        while true {
            let remaining = limit.end - ContinuousClock.now
            guard remaining > .zero else { throw giveUp(.statementTooLate(after: limit.duration)) }
            var watched = [
                pollfd(fd: PQsocket(handle), events: events, revents: 0),
                pollfd(
                    fd: limit.isCleanup ? -1 : interrupt.descriptor, events: Int16(POLLIN),
                    revents: 0),
            ]
            let count = poll(&watched, 2, remaining.milliseconds)
            if count < 0 && errno != EINTR {
                throw giveUp(.connectionLost(String(cString: strerror(errno))))
            }
            if watched[0].revents != 0 { return }
            if watched[1].revents != 0 { throw giveUp(.statementCancelled) }
        }
    }

    private func giveUp(_ error: PostgresError) -> PostgresError {
        isSpent = true
        CancelRequest.send(for: handle)
        // The server sees the end of the conversation now, not when the object is freed.
        shutdown(PQsocket(handle), Int32(SHUT_RDWR))
        return error
    }

    private func lost() -> PostgresError {
        isSpent = true
        return .connectionLost(lastWords ?? Self.reasonOfLoss(Self.message(of: handle)))
    }

    private func serverError(_ result: OpaquePointer) -> PostgresError {
        func field(_ code: Unicode.Scalar) -> String? {
            PQresultErrorField(result, Int32(UInt8(ascii: code))).map { String(cString: $0) }
        }
        let isLost = PQstatus(handle) == CONNECTION_BAD
        let message = field("M") ?? Self.message(of: handle)
        return PostgresError(
            isLost ? .connection : .server,
            isLost ? "the connection to PostgreSQL was lost: \(message)" : message,
            sqlState: field("C"), detail: field("D"), hint: field("H"), constraint: field("n"))
    }

    // MARK: For the pool and the listener

    /// A warning for the log about the protection of this connection; nil when there is none.
    var securityWarning: String? {
        let values = Dictionary(Self.options(of: handle).map { ($0.keyword, $0.value) }) { $1 }
        return ConnectionSecurity.warning(
            host: PQhost(handle).map { String(cString: $0) } ?? "",
            sslMode: values["sslmode"] ?? "", rootCertificate: values["sslrootcert"] ?? "",
            isEncrypted: PQsslInUse(handle) != 0)
    }

    /// Whether an idle connection is still alive, by one look at the socket. An idle server sends
    /// nothing. If it has sent something, that may be its last message, and only the answer to a
    /// query shows that the connection works.
    func isAlive() -> Bool {
        guard !isSpent else { return false }
        var watched = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        guard poll(&watched, 1, 0) != 0 else { return true }
        do {
            try executeScript("select 1")
            return true
        } catch {
            isSpent = true
            return false
        }
    }

    /// Whether the server is the primary and yet a setting makes this session read-only; false when
    /// the server (or a pooler) does not tell.
    var isReadOnlyBySetting: Bool {
        func status(_ name: String) -> String? {
            PQparameterStatus(handle, name).map { String(cString: $0) }
        }
        return status("in_hot_standby") == "off" && status("default_transaction_read_only") == "on"
    }

    /// Begins one use. A deadline longer than the server's `statement_timeout` raises that.
    func beginUse(deadline: ContinuousClock.Instant?) throws(PostgresError) {
        useDeadline = deadline
        let allowed = deadline.map { $0 - .now } ?? .zero
        let wanted = max(configuration.statementDeadline, allowed)
        guard wanted != statementTimeout else { return }
        try executeScript("set statement_timeout = \(wanted.milliseconds)")
        statementTimeout = wanted
    }

    /// Ends one use and rolls back an open transaction. Returns whether there was one. The
    /// connection may be used again unless `isSpent`.
    func endUse() -> Bool {
        useDeadline = nil
        guard !isSpent, PQtransactionStatus(handle) != PQTRANS_IDLE else { return false }
        // Session state after a forgotten transaction is anyone's guess.
        isSpent = true
        return true
    }

    /// Waits for data from the server; returns false after `duration`, or when interrupted.
    func waitForInput(_ duration: Duration) throws(PostgresError) -> Bool {
        var watched = [
            pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0),
            pollfd(fd: interrupt.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&watched, 2, duration.milliseconds) > 0, watched[0].revents != 0 else {
            return false
        }
        guard PQconsumeInput(handle) == 1, PQstatus(handle) == CONNECTION_OK else { throw lost() }
        return true
    }

    /// The next notification that has arrived.
    func nextNotification() -> (channel: String, payload: String)? {
        guard let notification = PQnotifies(handle) else { return nil }
        defer { PQfreemem(notification) }
        return (
            String(cString: notification.pointee.relname),
            String(cString: notification.pointee.extra)
        )
    }

    func listen(on channels: [String]) throws(PostgresError) {
        for channel in channels { try executeScript("listen \(Self.quoted(channel))") }
    }
}

/// The isolation level of a transaction.
public enum Isolation: String, Sendable, Hashable {
    case readCommitted = "read committed"
    case repeatableRead = "repeatable read"
    case serializable
}
