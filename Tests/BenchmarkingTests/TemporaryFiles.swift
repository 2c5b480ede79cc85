// A directory of a test's own, gone with it, and small feature sets to bench on.
import Benchmarking
import Foundation
import LanguageSystem
import Rankers

final class TemporaryFiles {
    let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory
            .appending(path: "bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func path(_ name: String) -> String { directory.appending(path: name).path }

    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: path(name))) }

    /// Planted features of width 32, read back from a file.
    func features(
        _ name: String = "features.safetensors", queries: Int = 6, responses: Int = 20,
        seed: UInt64 = 1
    ) throws -> FeatureSet {
        let signal = PlantedSignal(
            hiddenSize: 32, responseCount: responses, seed: seed, delta: 4)
        _ = try signal.write(to: path(name), queryCount: queries, split: .train)
        return try FeatureSet(contentsOf: path(name))
    }
}

/// The sentence with which `body` refuses; nil if it does not.
func refusal(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let error as LanguageSystemError {
        return error.message
    } catch {
        return "\(error)"
    }
}
