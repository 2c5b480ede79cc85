// WorkerProcess as metadata of the session's call: a coordinator or a worker of before does not
// know it and is not disturbed.
public import GRPCCore
public import LanguageSystem

private let instanceKey = "ls-instance"
private let placeKey = "ls-place"

extension WorkerProcess {
    /// Reads the process from the metadata of a call. An earlier worker's call, and malformed
    /// metadata, give nil.
    public init?(_ metadata: Metadata) {
        func first(_ key: String) -> String {
            metadata[stringValues: key].first { _ in true } ?? ""
        }
        self.init(instance: first(instanceKey), place: first(placeKey))
    }

    /// The metadata entries that name the process.
    public var metadata: Metadata {
        var metadata: Metadata = [:]
        metadata.addString(instance, forKey: instanceKey)
        metadata.addString(place, forKey: placeKey)
        return metadata
    }
}
