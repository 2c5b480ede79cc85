// The JSON that coordinators and workers put into each other's messages. What was recorded was said
// by a program of before: it is still read, and still said in the same words.
import Foundation
import LanguageSystem
import Rankers
import Testing

@Suite struct `Recorded JSON` {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        /// What is said today.
        let json: @Sendable () throws -> String
        /// What is said today of what was read.
        let reread: @Sendable (String) throws -> String

        var testDescription: String { name }
    }

    @Test(arguments: cases)
    func `recorded JSON means what it meant`(recorded: Case) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Recorded/\(recorded.name).json")
        let json = try recorded.json()
        if ProcessInfo.processInfo.environment["LS_REGENERATE"] != nil,
            !FileManager.default.fileExists(atPath: file.path)
        {
            try Data("\(json)\n".utf8).write(to: file)
        }
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(try recorded.reread(text) + "\n" == text)
        #expect(json + "\n" == text)
    }

    /// The preset of before rankers started from their incumbent and before presets were chosen on
    /// a language model's own states, too.
    private static func preset(
        _ kind: RankerKind, from start: TrainingConfiguration.Start
    ) -> TrainingConfiguration {
        var preset = TrainingConfiguration.preset(kind: kind)
        preset.start = start
        switch kind {
        case .listwise:
            preset.temperature = 1
            preset.optimizer.rate = 0.5
        case .pointwise:
            preset.temperature = 5
            preset.groupsPerQuery = 30
        }
        return preset
    }

    static let cases: [Case] = [
        Case(
            name: "ranker_configuration",
            json: {
                try RankerConfiguration(
                    kind: .pointwise, hiddenSize: 4_096, projectionWidth: 64,
                    instruction: .learned, blocks: 2, heads: 4, mlpMultiple: 4, activation: .relu,
                    residual: true, similarity: .affine
                ).json
            }, reread: { try RankerConfiguration(json: $0).json }),
        Case(
            name: "ranker_configuration_preset",
            json: { RankerConfiguration.preset(kind: .listwise, hiddenSize: 384).json },
            reread: { try RankerConfiguration(json: $0).json }),
        Case(
            name: "training_configuration_listwise",
            json: { preset(.listwise, from: .uniform).json },
            reread: { try TrainingConfiguration(json: $0).json }),
        Case(
            name: "training_configuration_pointwise",
            json: { preset(.pointwise, from: .standardised).json },
            reread: { try TrainingConfiguration(json: $0).json }),
        Case(
            name: "training_configuration_preset",
            json: { TrainingConfiguration.preset(kind: .listwise).json },
            reread: { try TrainingConfiguration(json: $0).json }),
        Case(
            name: "evaluation_configuration", json: { EvaluationConfiguration.preset.json },
            reread: { try EvaluationConfiguration(json: $0).json }),
        Case(
            name: "training_report", json: { try report(TrainingReport.self, training).json },
            reread: { try report(TrainingReport.self, $0).json }),
        Case(
            name: "evaluation_report", json: { try report(EvaluationReport.self, evaluation).json },
            reread: { try report(EvaluationReport.self, $0).json }),
    ]

    /// As both sides read a report.
    private static func report<Report: Decodable>(
        _ type: Report.Type, _ json: String
    ) throws -> Report {
        try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    private static let training = """
        {"dropped_group_count": 3, "dropped_query_count": 2, "early_stopping":
        {"best_epoch": 2, "epoch_count": 4, "held_out_accuracies": [0.5, 0.625, 0.5, 0.5],
        "held_out_query_count": 40}, "feature_set_count": 1, "first_loss": 2.25, "group_count": 100,
        "groups_per_second": 1500.5, "last_loss": 1.75, "parameter_count": 312192,
        "pool_positive_share": 0.25, "positive_share": 0.375, "query_count": 433, "seconds": 12.5,
        "step_count": 120, "thread_count": 2}
        """
    private static let evaluation = """
        {"accuracy": 0.5, "candidate_count": 10, "first_sample": 0.375, "group_count": 200,
        "groups_per_query": 20, "highest_log_probability": 0.25, "majority": 0.4375, "oracle": \
        0.875,
        "query_count": 2, "query_values": [0.25, 0.75], "seconds": 0.5, "seed": \
        18446744073709551615,
        "smaller_pool_count": 1, "standard_error": 0.03125}
        """
}
