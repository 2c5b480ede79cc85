import LanguageSystem
import Testing

@Suite struct `Error code` {
    @Test func `every code has its own SQLSTATE of class LS`() {
        let states = ErrorCode.allCases.map(\.sqlState)
        #expect(Set(states).count == states.count)
        #expect(states.allSatisfy { $0.hasPrefix("LS") && $0.utf8.count == 5 })
        for code in ErrorCode.allCases { #expect(ErrorCode(sqlState: code.sqlState) == code) }
    }

    @Test(arguments: ErrorCode.allCases)
    func `every code has a public answer on each surface`(code: ErrorCode) {
        #expect((1...16).contains(code.grpcStatus))
        #expect((400...599).contains(code.httpStatus))
        #expect((64...78).contains(code.exitStatus))
    }

    @Test func `an error prints the sentence, then the hint`() {
        let error = LanguageSystemError(.busy, "cannot wait", hint: "try again", cause: "secret")
        #expect(error.description == "cannot wait\n  hint: try again")
    }
}
