// Measures again what workers reported: a share of their evaluations, what one worker both trained
// and measured, and what two of them disagree on. Which, and what follows, is decided in the ledger
// (ls.evaluation_check); this service takes one at a time, does what a worker would, compares, and
// says what it found. A coordinator that dies leaves its one to the others.
import Concurrency
import CoreMetrics
import Foundation
import LanguageSystem
public import Ledger
public import Logging
import Rankers
public import ServiceLifecycle

public struct Referee: Service {
    /// How long nobody else begins the same: far more than measuring takes.
    private static let claimDuration: Duration = .seconds(1_800)
    /// The largest set that is brought to a coordinator's disk for this.
    private static let featuresByteCountMax: Int64 = 4 << 30

    private let ledger: LedgerStore
    private let interval: Duration
    private let logger: Logger

    /// - Parameter interval: Between looks when there was nothing to do; a quarter more or less, so
    ///   that coordinators do not ask in step.
    public init(ledger: LedgerStore, interval: Duration = .seconds(2), logger: Logger) {
        self.ledger = ledger
        self.interval = interval
        self.logger = logger
    }

    /// Measures what is to be measured again, until asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if await step() { continue }
                let pause = interval * Double.random(in: 0.75...1.25)
                try? await ContinuousClock().sleep(for: pause)
            }
        }
    }

    /// - Returns: Whether there may be more to do at once.
    private func step() async -> Bool {
        do {
            guard let check = try await ledger.claimEvaluationCheck(for: Self.claimDuration) else {
                return false
            }
            try await decide(check)
            return true
        } catch is CancellationError {
            return false
        } catch {
            if !ledger.isLogged(error) {
                logger.warning("cannot measure again", metadata: ["error": "\(error)"])
            }
            return false
        }
    }

    private func decide(_ check: EvaluationCheck) async throws {
        let verdict: EvaluationCheck.Verdict
        let reason: String
        var report: String?
        do {
            let (found, difference) = try await measure(check)
            report = found.json
            verdict = difference == nil ? .confirmed : .refuted
            reason = difference ?? "a coordinator found the same"
        } catch let error as LanguageSystemError where !error.isOfDatabase {
            // What cannot be measured is no word against its worker: it took these bytes from here.
            (verdict, reason) = (.failed, error.message)
        }
        guard
            try await ledger.decideEvaluationCheck(
                check.id, verdict, because: reason, found: report)
        else { return }
        Counter(label: "ls_evaluation_checks_total", dimensions: [("verdict", verdict.rawValue)])
            .increment()
        logger.log(
            level: verdict == .confirmed ? .info : .warning, "evaluation measured again",
            metadata: [
                "version": "\(check.version)", "worker": "\(check.worker)",
                "verdict": "\(verdict.rawValue)", "found": "\(reason)",
            ])
    }

    /// Does what a worker does with an evaluate task, with the bytes of the database.
    private func measure(_ check: EvaluationCheck) async throws -> (
        EvaluationReport, difference: String?
    ) {
        let weights = try await ledger.readWeights(check.weights) {
            bytes throws(LanguageSystemError) in try RankerWeights(safetensors: bytes)
        }
        let set = try await features(of: check)
        let isStopped = Locked(false)
        return try await withTaskCancellationHandler {
            try await onThread(named: "ls-referee") {
                // The lowest priority: requests come first, and so does everything else. On Linux 0
                // is the calling thread, and those it starts are as polite.
                _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
                let reported: ReportedFigures
                do {
                    reported = try JSONDecoder().decode(
                        ReportedFigures.self, from: Data(check.report.utf8))
                } catch {
                    throw LanguageSystemError(
                        .internal, "cannot read the report that is to be measured again",
                        cause: "\(error)")
                }
                guard set.digest == check.features else {
                    throw LanguageSystemError(
                        .invalidFeatures,
                        "cannot measure on \(check.features.short)…: the bytes here are others")
                }
                let found = try Rankers.evaluate(
                    weights, on: set, try EvaluationConfiguration(json: check.configuration)
                ) { _ in
                    if isStopped.withLock({ $0 }) { throw CancellationError() }
                }
                return (
                    found,
                    EvaluationComparison.difference(
                        of: reported, from: found, labelRange: set.labelRange)
                )
            }
        } onCancel: {
            isStopped.withLock { $0 = true }
        }
    }

    /// The set, mapped from a file that has no name, so that it is gone when the set is, whatever
    /// happens.
    private func features(of check: EvaluationCheck) async throws -> FeatureSet {
        guard check.featuresByteCount <= Self.featuresByteCountMax else {
            throw LanguageSystemError(
                .tooLarge,
                """
                cannot measure again on \(check.featuresByteCount) bytes of features: expected at \
                most \(Self.featuresByteCountMax)
                """
            )
        }
        let file = try UnnamedFile()
        defer { file.close() }
        var offset: Int64 = 0
        while offset < check.featuresByteCount {
            try Task.checkCancellation()
            let piece = try await ledger.readBlob(check.features, from: offset)
            guard !piece.bytes.isEmpty else { break }
            try file.append(piece.bytes)
            offset += Int64(piece.bytes.count)
        }
        return try FeatureSet(
            contentsOf: file.path, name: "the feature set \(check.features.short)…")
    }
}

/// A temporary file that has no name from the start: it is gone with the last who has it open, kill
/// -9 included.
private struct UnnamedFile {
    private let handle: FileHandle

    /// A path that opens the same bytes, on Linux, as long as this value lives.
    var path: String { "/proc/self/fd/\(handle.fileDescriptor)" }

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("ls-referee-\(UUID().uuidString)")
        guard
            FileManager.default.createFile(
                atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else {
            throw LanguageSystemError(
                .unavailable, "cannot write to \(url.deletingLastPathComponent().path)")
        }
        defer { try? FileManager.default.removeItem(at: url) }
        handle = try FileHandle(forUpdating: url)
    }

    func append(_ bytes: [UInt8]) throws { try handle.write(contentsOf: bytes) }
    func close() { try? handle.close() }
}
