// Tells the server to stop what an abandoned connection was running. libpq's PQcancel blocks
// without a deadline (a stopped server accepts and never answers), so each request has a thread of
// its own, and there are only so many: past that, the server's client_connection_check_interval
// and statement_timeout end the statement.
import CLibPQ
import Concurrency

enum CancelRequest {
    private static let countMax = 16
    private static let count = Locked(0)

    /// Sends a cancel request without waiting. The connection must not be used again, because the
    /// request could hit a later statement.
    static func send(for connection: OpaquePointer) {
        let isAllowed = count.withLock { count in
            guard count < countMax else { return false }
            count += 1
            return true
        }
        guard isAllowed else { return }
        guard let cancel = PQgetCancel(connection) else {
            count.withLock { $0 -= 1 }
            return
        }
        let address = UInt(bitPattern: cancel)
        startThread(name: "pg-cancel") {
            let cancel = OpaquePointer(bitPattern: address)
            var message = [CChar](repeating: 0, count: 256)
            _ = PQcancel(cancel, &message, Int32(message.count))
            PQfreeCancel(cancel)
            count.withLock { $0 -= 1 }
        }
    }
}
