import GRPCCore
import Testing

@testable import CoordinatorServer

@Suite struct `A caller's timeout` {
    @Test(arguments: ["1S", "0n", "99999999H", "15m", "7M", "12345u"])
    func `a timeout that gRPC defines is kept`(timeout: String) {
        let metadata: Metadata = ["grpc-timeout": .string(timeout), "other": "1"]
        #expect(metadata.withoutUnreadableTimeout == metadata)
    }

    @Test(arguments: ["-1S", "-0S", "+1S", "1e4S", "S", "", "1", "1s", "123456789S", "１S", "1S "])
    func `a timeout that is none is left out, and nothing else`(timeout: String) {
        let metadata: Metadata = ["grpc-timeout": .string(timeout), "other": "1"]
        #expect(metadata.withoutUnreadableTimeout == ["other": "1"])
    }

    @Test func `a timeout that is none takes a good one with it`() {
        let metadata: Metadata = ["grpc-timeout": "-1S", "grpc-timeout": "1S"]
        #expect(metadata.withoutUnreadableTimeout == [:])
    }
}
