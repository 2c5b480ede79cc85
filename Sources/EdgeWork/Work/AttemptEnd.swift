// How an attempt ended: what is counted, and what the coordinator is told of it.
import LanguageSystem

enum AttemptEnd: Sendable, Equatable {
    /// The coordinator has the result, and counts it.
    case completed(RankerVersionID?)
    /// The coordinator has the result and does not count it: the lease was somebody else's.
    case uncounted
    /// The lease or the task is gone: nobody waits to hear of it.
    case lost(StopReason)
    /// The worker leaves; another may try.
    case leaving
    /// The attempt took more memory than this machine's owner allows.
    case outOfMemory(LanguageSystemError)
    case failed(LanguageSystemError)

    /// Reads what ended an attempt.
    ///
    /// - Parameters:
    ///   - memory: What this process takes now, in bytes; asked where that ended the attempt.
    ///   - memoryMax: What its owner allows.
    init(_ error: any Error, memory: @autoclosure () -> Int64?, memoryMax: Int64?) {
        switch error {
        case let stopped as AttemptStopped:
            switch stopped.reason {
            case .memory: self = .outOfMemory(.tooMuchMemory(memory() ?? 0, max: memoryMax ?? 0))
            case .leaving: self = .leaving
            case .lost, .cancelled, .abandoned: self = .lost(stopped.reason)
            }
        case is CancellationError: self = .leaving
        default: self = .failed(error as? LanguageSystemError ?? .workFailed(error))
        }
    }

    /// What the coordinator is told, and whether another attempt is worth it; nil: nothing.
    var failure: (error: LanguageSystemError, isRetryable: Bool)? {
        switch self {
        case .completed, .uncounted, .lost: nil
        case .leaving: (.leaving(), true)
        case .outOfMemory(let error): (error, true)
        case .failed(let error): (error, Self.isWorthAnotherAttempt(error.code))
        }
    }

    /// What another worker, or a later time, may well do better.
    private static func isWorthAnotherAttempt(_ code: ErrorCode) -> Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .busy, .internal, .tooLarge, .cancelled: true
        default: false
        }
    }
}
