// What the database calls out when something changed. A hint may come twice, late or never: whoever
// follows them also looks for itself now and then.
public import LanguageSystem
public import PostgresAccess

public struct LedgerNotifications: Sendable {
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

    public enum Hint: Sendable, Equatable {
        case taskWaiting
        /// An alias of this ranker moved, and whose it is; no ranker: of any.
        case aliasMoved(RankerID?, user: String?)
        /// A rule or a placement changed.
        case routesChanged
        case keysChanged
        case cancelled(LeaseToken)
        case workerRevoked
        /// A worker connected to one of the coordinators.
        case workerConnected
        /// Everything that came from this user is to go.
        case userForgotten(String)
        /// The connection is new, or made again: whoever follows looks for itself.
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
    /// A hint as the database says it; nil for a payload that is none of ours.
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
