// Every way in which we refuse or fail, and how each surface shows it. One row a code; the tests
// walk `allCases`, and a SQL function raises the same SQLSTATE that is written here.

/// The kind of a `LanguageSystemError`. REST replies and log lines carry its raw value.
public enum ErrorCode: String, Sendable, CaseIterable, Hashable, Codable {
    case invalidArgument
    case invalidFeatures
    case invalidWeights
    case contractMismatch
    case wrongMethod
    case wrongMediaType
    case unknownBaseModel
    case unknownDomain
    case unknownRanker
    case unknownVersion
    case unknownFeatureSet
    case unknownTask
    case unknownWorker
    case unknownPath
    case unknownRequest
    case unknownRule
    case unknownCanary
    case alreadyExists
    case forbiddenTransition
    case leaseLost
    case tokenRefused
    case identityRefused
    case keyRefused
    case notPermitted
    case tooLarge
    case busy
    case unavailable
    case deadlineExceeded
    case cancelled
    case schemaMismatch
    case addressInUse
    case invalidSettings
    case `internal`

    /// The SQLSTATE that functions of schema `ls` raise, of our own class `LS`.
    public var sqlState: String { row.sqlState }
    /// The numeric gRPC status code (google.rpc.Code).
    public var grpcStatus: Int { row.grpc }
    /// The HTTP status of a refusal with this code.
    public var httpStatus: Int { row.http }
    /// The exit status of a program, after sysexits(3).
    public var exitStatus: Int32 { row.exit }

    /// The code of a SQLSTATE of class `LS`; nil for any other.
    public init?(sqlState: String) {
        guard let code = Self.allCases.first(where: { $0.sqlState == sqlState }) else { return nil }
        self = code
    }

    private var row: (sqlState: String, grpc: Int, http: Int, exit: Int32) {
        switch self {
        case .invalidArgument: ("LS001", 3, 400, 64)
        case .invalidFeatures: ("LS002", 3, 422, 65)
        case .invalidWeights: ("LS003", 3, 422, 65)
        case .contractMismatch: ("LS004", 9, 409, 65)
        case .wrongMethod: ("LS005", 12, 405, 64)
        case .wrongMediaType: ("LS006", 3, 415, 64)
        case .unknownBaseModel: ("LS010", 5, 404, 66)
        case .unknownDomain: ("LS011", 5, 404, 66)
        case .unknownRanker: ("LS012", 5, 404, 66)
        case .unknownVersion: ("LS013", 5, 404, 66)
        case .unknownFeatureSet: ("LS014", 5, 404, 66)
        case .unknownTask: ("LS015", 5, 404, 66)
        case .unknownWorker: ("LS016", 5, 404, 66)
        case .unknownPath: ("LS017", 12, 404, 66)
        case .unknownRequest: ("LS018", 5, 404, 66)
        case .unknownRule: ("LS019", 5, 404, 66)
        case .unknownCanary: ("LS023", 5, 404, 66)
        case .alreadyExists: ("LS020", 6, 409, 65)
        case .forbiddenTransition: ("LS021", 9, 409, 65)
        case .leaseLost: ("LS022", 10, 409, 75)
        case .tokenRefused: ("LS030", 16, 401, 77)
        case .identityRefused: ("LS031", 7, 403, 77)
        case .keyRefused: ("LS032", 16, 401, 77)
        case .notPermitted: ("LS033", 7, 403, 77)
        case .tooLarge: ("LS040", 8, 413, 65)
        case .busy: ("LS041", 8, 429, 75)
        case .unavailable: ("LS050", 14, 503, 69)
        case .deadlineExceeded: ("LS051", 4, 504, 75)
        case .cancelled: ("LS052", 1, 499, 75)
        case .schemaMismatch: ("LS060", 9, 503, 78)
        case .addressInUse: ("LS061", 14, 503, 69)
        case .invalidSettings: ("LS062", 3, 400, 78)
        case .internal: ("LS099", 13, 500, 70)
        }
    }
}
