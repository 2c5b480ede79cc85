// The feature files beneath a directory.
import Foundation
import LanguageSystem
import Rankers

/// All feature sets beneath a directory, by path, parted by their split.
func trainAndTestSets(
    beneath directory: String
) throws -> (train: [FeatureSet], test: [FeatureSet]) {
    let names =
        FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
    let sets = try names.filter { $0.hasSuffix(".safetensors") }.sorted().map {
        try FeatureSet(contentsOf: "\(directory)/\($0)")
    }
    let train = sets.filter { $0.metadata.split == .train }
    let test = sets.filter { $0.metadata.split == .test }
    guard !train.isEmpty, !test.isEmpty else {
        throw LanguageSystemError(
            .invalidArgument,
            """
            cannot train and test: found \(train.count) train sets and \(test.count) test sets in \
            \(directory), expected some of both
            """)
    }
    return (train, test)
}
