import CPq

extension PostgresConnection {
    /// Loads rows with `COPY table (columns) FROM STDIN` (text format).
    ///
    /// The whole COPY has one `statementTimeout`, encoding included.
    /// - Returns: the number of rows that the server took.
    /// - Throws: ``PostgresError``; nothing of the COPY is kept then.
    @discardableResult
    public func copyIn(_ statement: String, rows: some Sequence<[PostgresValue]>) throws(PostgresError) -> Int {
        guard !isBroken else { throw PostgresError(code: .connectionLost, operation: Self.operation(statement), message: "the connection was lost") }
        let deadline = ContinuousClock.now + statementTimeout + configuration.answerGrace
        try startCopy(statement, until: deadline)
        var encoder = PostgresCopyEncoder()
        for row in rows {
            guard encoder.append(row) else {
                try endCopy(statement, failure: "a row could not be encoded", until: deadline)
                _ = try? collect(statement, until: deadline)
                throw PostgresError(code: .invalidParameter, operation: Self.operation(statement), message: "a field holds a NUL character")
            }
            if encoder.bytes.count >= Self.copyChunkBytes { try send(&encoder, statement, until: deadline) }
        }
        try send(&encoder, statement, until: deadline)
        try endCopy(statement, failure: nil, until: deadline)
        return try collect(statement, until: deadline).affectedCount
    }

    private func startCopy(_ statement: String, until deadline: ContinuousClock.Instant) throws(PostgresError) {
        guard PQsendQuery(handle.pointer, statement) == 1 else {
            isBroken = true
            throw PostgresError(code: .connectionLost, operation: Self.operation(statement), message: "the connection was lost")
        }
        try flush(statement, until: deadline)
        guard try collect(statement, until: deadline).status == PGRES_COPY_IN else {
            throw PostgresError(code: .invalidParameter, operation: Self.operation(statement), message: "the statement is not COPY … FROM STDIN")
        }
    }

    private func send(_ encoder: inout PostgresCopyEncoder, _ statement: String, until deadline: ContinuousClock.Instant) throws(PostgresError) {
        guard !encoder.bytes.isEmpty else { return }
        let status = encoder.bytes.withUnsafeBytes { bytes in
            PQputCopyData(handle.pointer, bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count))
        }
        guard status == 1 else {
            isBroken = true
            throw PostgresError(code: .connectionLost, operation: Self.operation(statement), message: "the connection was lost")
        }
        // libpq would buffer without bound.
        try flush(statement, until: deadline)
        encoder.bytes.removeAll(keepingCapacity: true)
    }

    /// Ends the data; with a failure the server discards it.
    func endCopy(_ statement: String, failure: String?, until deadline: ContinuousClock.Instant) throws(PostgresError) {
        guard PQputCopyEnd(handle.pointer, failure) == 1 else {
            isBroken = true
            throw PostgresError(code: .connectionLost, operation: Self.operation(statement), message: "the connection was lost")
        }
        try flush(statement, until: deadline)
    }

    /// Bytes given to libpq at once.
    private static let copyChunkBytes = 64 * 1024
}
