// One attempt from its lease to its end: fetch, work on a thread of ours, hand in. What it says of
// itself goes to whoever keeps the lease; when it is told to stop, it stops at the next step.
import Concurrency
import Crypto
import Foundation
import GRPCCore
import LanguageSystem
import Logging
import Rankers
import WorkerWire

struct AttemptRunner: Sendable {
    let cache: BlobCache
    let link: CoordinatorLink
    /// The feature files that stay on this machine; nil: there are none.
    let files: LocalFiles?
    /// The weights that stay on this machine.
    let weights: LocalWeights
    let threadCount: Int
    let nice: Int
    let logger: Logger
    /// Says how far the attempt is. Called on the working thread; must return quickly.
    let report: @Sendable (LeaseBook.Phase, Double, String) -> Void

    /// - Returns: What the coordinator said to the result.
    /// - Throws: `AttemptStopped`, or why it failed.
    func run(_ work: TaskLease, _ stop: StopSignal) async throws -> Completion {
        for blob in work.blobs { await cache.retain(blob.digest) }
        do {
            let completion = try await withInterruption(by: { await stop.wait() }) {
                try await perform(work, stop)
            }
            guard let completion else {
                try stop.check()
                preconditionFailure("an attempt was stopped, and nobody said why")
            }
            for blob in work.blobs { await cache.release(blob.digest) }
            return completion
        } catch {
            for blob in work.blobs { await cache.release(blob.digest) }
            let refusal = error as? LanguageSystemError
            throw refusal?.naming(weights.publicNames(of: work.blobs, in: cache)) ?? error
        }
    }

    private func perform(_ work: TaskLease, _ stop: StopSignal) async throws -> Completion {
        switch work.work {
        case .train(let train): try await perform(train, work, stop)
        case .evaluate(let evaluate): try await perform(evaluate, work, stop)
        }
    }

    private func perform(
        _ train: TrainWork, _ work: TaskLease, _ stop: StopSignal
    ) async throws -> Completion {
        let paths = try await fetch(train.features)
        let initialWeights = try await train.initialWeights.asyncMap { try await reader(of: $0) }
        let (threadCount, report) = (threadCount, report)
        let (weights, digest, reportJSON) = try await onThread(named: "ls-train") {
            ProcessLimits.lowerPriority(by: nice)
            try stop.check()
            report(.working, 0, "reading features")
            let ranker = try RankerConfiguration(json: train.rankerConfiguration)
            let training = try TrainingConfiguration(json: train.trainingConfiguration)
            let initial = try initialWeights.map { try RankerWeights(safetensors: $0()) }
            let sets = try zip(train.features, paths).map { try featureSet($0, at: $1) }
            try stop.check()
            let (weights, trainingReport) = try Rankers.train(
                ranker, training, on: sets, initial: initial, threadCount: threadCount
            ) { progress in
                try stop.check()
                report(.working, progress.fraction, progress.note)
            }
            let bytes = weights.safetensors()
            return (
                bytes, LanguageSystem.Digest(of: SHA256.hash(data: bytes)),
                trainingReport.json
            )
        }
        report(.handingIn, 1, "handing in \(weights.count) bytes")
        let header = TrainingResultHeader(
            token: work.token, digest: digest, byteCount: Int64(weights.count), report: reportJSON,
            weightsStay: train.weightsStay)
        // On disk before anybody hears of them: there is no other copy.
        if train.weightsStay { try self.weights.keep(weights, digest) }
        return try await link.call { client in
            try await client.completeTraining { writer in
                try await writer.write(Languagesystem_V1_TrainingUpload(header))
                if header.weightsStay { return }
                for start in stride(from: 0, to: weights.count, by: WireLimits.chunkByteCount) {
                    let end = min(start + WireLimits.chunkByteCount, weights.count)
                    try await writer.write(
                        Languagesystem_V1_TrainingUpload(
                            BlobChunk(
                                offset: Int64(start), bytes: Array(weights[start..<end]),
                                byteCount: Int64(weights.count))))
                }
            } onResponse: {
                Completion(try $0.message)
            }
        }
    }

    private func perform(
        _ evaluate: EvaluateWork, _ work: TaskLease, _ stop: StopSignal
    ) async throws -> Completion {
        let weightsBytes = try await reader(of: evaluate.weights)
        let paths = try await fetch(evaluate.features)
        let (threadCount, report) = (threadCount, report)
        let reports = try await onThread(named: "ls-evaluate") {
            ProcessLimits.lowerPriority(by: nice)
            let configuration = try EvaluationConfiguration(json: evaluate.evaluationConfiguration)
            let weights = try RankerWeights(safetensors: weightsBytes())
            return try zip(evaluate.features, paths).enumerated().map { index, pair in
                let (blob, path) = pair
                try stop.check()
                let place = "feature set \(index + 1) of \(paths.count), \(blob.name)"
                let figures = try Rankers.evaluate(
                    weights, on: try featureSet(blob, at: path), configuration,
                    threadCount: threadCount
                ) { progress in
                    try stop.check()
                    report(
                        .working, (Double(index) + progress.fraction) / Double(paths.count), place)
                }
                return EvaluationResultReport(
                    featureSet: blob.digest,
                    report: figures.json(byteCountMax: WireLimits.jsonByteCountMax))
            }
        }
        report(.handingIn, 1, "handing in \(reports.count) reports")
        let message = Languagesystem_V1_EvaluationResult(token: work.token, reports: reports)
        return try await link.call { client in
            Completion(try await client.completeEvaluation(message))
        }
    }

    /// Fetches weights unless they are kept here.
    ///
    /// - Returns: Reads their bytes; called once, on a thread that may block.
    private func reader(of blob: BlobReference) async throws -> @Sendable () throws -> [UInt8] {
        let kept = weights
        if kept.holds(blob.digest) {
            return {
                guard let bytes = try kept.bytes(of: blob.digest) else {
                    throw LanguageSystemError.lostWeights(blob.name)
                }
                return bytes
            }
        }
        let path = try await fetch([blob])[0]
        return { try readFile(path) }
    }

    private func fetch(_ blobs: [BlobReference]) async throws -> [String] {
        let fetcher = BlobFetcher(cache: cache, link: link, logger: logger, local: files)
        var paths: [String] = []
        for blob in blobs {
            report(.fetching, 0, "fetching \(blob.name)")
            paths.append(try await fetcher.path(of: blob))
        }
        return paths
    }

}

extension Optional {
    fileprivate func asyncMap<Value>(_ transform: (Wrapped) async throws -> Value) async throws
        -> Value?
    {
        guard let self else { return nil }
        return try await transform(self)
    }
}

/// A cached one, called what people call it: its errors are read elsewhere, where its path means
/// nothing.
private func featureSet(_ blob: BlobReference, at path: String) throws(LanguageSystemError)
    -> FeatureSet
{
    try FeatureSet(contentsOf: path, name: "\(blob.name) (\(blob.digest.short)…)")
}

/// A cached blob, whole in memory: weights only.
func readFile(_ path: String) throws -> [UInt8] {
    do {
        return Array(try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped))
    } catch {
        throw LanguageSystemError.cannotReadCache(path, cause: "\(error)")
    }
}
