// What the coordinator says when a worker calls a task hopeless.
@testable import CoordinatorServer
import LanguageSystem
import Ledger
import Rankers
import Testing

@Suite struct `A failure that the worker calls final` {
    private static let ranker = #"{"kind": "listwise", "hidden_size": 8}"#
    private static let training = TrainingConfiguration.preset(kind: .listwise).json

    private func judgement(
        _ message: String, code: ErrorCode = .invalidArgument, training: String = Self.training,
        kind: TaskKind = .train
    ) -> FailureJudgement? {
        FailureReview.judgement(
            code: code.rawValue, message: message,
            of: LeasedConfigurations(kind: kind, ranker: Self.ranker, work: training))
    }

    @Test(arguments: [
        "cannot read the training configuration: found the unknown key 'new'",
        "cannot read the training configuration: found an unknown value at 'precision'",
        "cannot read the ranker configuration: found the unknown key 'new'",
        "cannot read the evaluation configuration: found another type at 'seed', expected UInt64",
        "cannot read this task: its kind is not known here",
    ])
    func `over words that we know is for a newer worker`(message: String) {
        #expect(judgement(message) == .unknownHere)
    }

    @Test(arguments: [
        #"{"loss": "none"}"#, #"{"loss": "listKL", "new": 1}"#, "[]", "",
        #"{"loss": "listKL", "optimizer": {"name": "sgd", "lr": -1}}"#,
    ])
    func `over a configuration that we cannot read either is the task's`(training: String) {
        #expect(judgement("cannot train: whatever", training: training) == .confirmed)
        #expect(judgement("x", code: .internal, training: training) == .confirmed)
    }

    @Test func `over anything else is the worker's word alone`() {
        #expect(judgement("cannot train: the loss is not finite") == nil)
        #expect(judgement("cannot use this configuration: found epochs 7") == nil)
        #expect(
            judgement(
                "cannot read the training configuration: found the unknown key 'new'",
                code: .invalidFeatures) == nil)
    }
}
