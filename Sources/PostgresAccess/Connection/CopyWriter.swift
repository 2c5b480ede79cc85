// The writing side of COPY … FROM STDIN (FORMAT binary): rows are collected to pieces of 64 KiB,
// each handed on before the next is begun, so memory stays bounded and the server sets the pace.

/// Writes the rows of one `copyIn`; it is valid only inside the body.
public final class CopyWriter {
    private let types: [PostgresType]
    private var connection: Connection?
    private var buffer: [UInt8] = []
    /// The number of rows written so far.
    public private(set) var rowCount = 0

    private static let pieceByteCount = 65536

    init(_ connection: Connection, types: [PostgresType]) {
        self.connection = connection
        self.types = types
        buffer.reserveCapacity(2 * Self.pieceByteCount)
        buffer.append(contentsOf: Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00])
        buffer.appendInteger(Int32(0))  // flags
        buffer.appendInteger(Int32(0))  // length of the header's extension
    }

    /// Writes one row, with values in the order of the columns.
    public func write(_ values: (any PostgresEncodable)?...) throws(PostgresError) {
        guard values.count == types.count else {
            throw .usage("the copy has \(types.count) columns, \(values.count) values were given")
        }
        buffer.appendInteger(Int16(values.count))
        for (value, type) in zip(values, types) {
            if let value {
                _ = try buffer.appendField(value, as: type)
            } else {
                buffer.appendInteger(Int32(-1))
            }
        }
        rowCount += 1
        if buffer.count >= Self.pieceByteCount { try send() }
    }

    func finish() throws(PostgresError) {
        buffer.appendInteger(Int16(-1))  // the trailer
        try send()
        abandon()
    }

    func abandon() { connection = nil }

    private func send() throws(PostgresError) {
        guard let connection else { throw .usage("the copy is over: its body has returned") }
        try connection.putCopy(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
