// The shared vocabularies and this target's own, as the database stores them: by raw value.
public import LanguageSystem
public import PostgresAccess

extension PromotionPolicy: PostgresEncodable, PostgresDecodable {}
extension VersionStanding: PostgresDecodable {}
extension RankerKind: PostgresEncodable, PostgresDecodable {}
extension Split: PostgresEncodable, PostgresDecodable {}
extension TaskKind: PostgresEncodable, PostgresDecodable {}
extension TaskState: PostgresDecodable {}
extension RouteReason: PostgresDecodable {}
extension RoutePlan.Role: PostgresDecodable {}
extension RouteRule.Action: PostgresEncodable {}
extension LeaseAnswer: PostgresDecodable {}
extension SweepResult.State: PostgresDecodable {}
extension LeaseToken: PostgresEncodable, PostgresDecodable {}

extension DomainName: PostgresEncodable, PostgresDecodable {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        try description.encode(as: type, into: &buffer)
    }

    public static func decode(_ value: PostgresValue) throws(PostgresError) -> DomainName {
        let name = try String.decode(value)
        do {
            return try DomainName(name)
        } catch {
            throw PostgresError(.usage, error.message, hint: error.hint)
        }
    }
}
