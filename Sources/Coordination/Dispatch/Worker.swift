// Who a session belongs to.
public import LanguageSystem

/// Who a session belongs to, as its verified certificate says.
public struct Worker: Sendable, Hashable {
    public let id: WorkerID
    public let name: String
    /// The serial number of its certificate; nil: there is none to ask about.
    public let serial: String?

    public init(id: WorkerID, name: String, serial: String? = nil) {
        self.id = id
        self.name = name
        self.serial = serial
    }
}
