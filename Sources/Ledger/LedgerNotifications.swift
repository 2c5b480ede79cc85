// What the database calls out when something changed. A hint may come twice, late or never: whoever
// follows them also looks for itself now and then.
public import LanguageSystem
public import PostgresAccess

/// Notifications of the database, decoded. They are hints: a missed one is found by polling.
public struct LedgerNotifications: Sendable {
    /// The channels of `NOTIFY`, by their names in SQL.
    public enum Channel: String, Sendable, CaseIterable {
        case task = "ls_task"
        case alias = "ls_alias"
        case cancellation = "ls_cancel"
        case worker = "ls_worker"
        case route = "ls_route"
        case key = "ls_key"
        case presence = "ls_presence"
        case forget = "ls_forget"
    }

    /// What a notification says has changed.
    public enum Hint: Sendable, Equatable {
        case taskWaiting
        /// An alias moved: of this ranker of this user, or of any ranker when nil.
        case aliasMoved(RankerID?, user: String?)
        /// A rule or a placement changed.
        case routesChanged
        case keysChanged
        case cancelled(LeaseToken)
        case workerRevoked
        /// A worker connected to one of the coordinators.
        case workerConnected
        /// A user was forgotten: everything of the user is to be dropped from memory.
        case userForgotten(String)
        /// The listener connected or reconnected, so notifications may have been missed.
        case mayHaveMissed
    }

    private let listener: Listener

    public init(_ listener: Listener) { self.listener = listener }

    /// The hints of these channels; they end when the task that iterates is cancelled.
    public func hints(of channels: [Channel]) -> some AsyncSequence<Hint, Never> & Sendable {
        listener.events(on: channels.map(\.rawValue)).compactMap { Hint($0) }
    }
}

extension LedgerNotifications.Hint {
    /// Decodes an event; an unknown payload gives nil.
    init?(_ event: Listener.Event) {
        switch event {
        case .reconnected: self = .mayHaveMissed
        case .notification("ls_task", _): self = .taskWaiting
        case .notification("ls_alias", let payload):
            let parts = payload.split(separator: " ", maxSplits: 1)
            self = .aliasMoved(
                parts.first.flatMap { Int64($0) }.map { RankerID($0) },
                user: parts.count > 1 ? String(parts[1]) : nil)
        case .notification("ls_route", _): self = .routesChanged
        case .notification("ls_key", _): self = .keysChanged
        case .notification("ls_cancel", let payload):
            guard let token = LeaseToken(payload) else { return nil }
            self = .cancelled(token)
        case .notification("ls_worker", _): self = .workerRevoked
        case .notification("ls_presence", _): self = .workerConnected
        case .notification("ls_forget", let payload): self = .userForgotten(payload)
        case .notification: return nil
        }
    }
}
