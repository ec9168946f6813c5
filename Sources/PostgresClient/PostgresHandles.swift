import CPq

/// Owns a `PGconn`. Confined to the thread that made it.
struct PostgresHandle: ~Copyable {
    /// For libpq calls, while the owner lives.
    let pointer: OpaquePointer

    /// Takes the pointer over.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        PQfinish(pointer)
    }
}

/// Owns a `PGresult`.
struct PostgresResult: ~Copyable {
    /// For libpq calls, while the owner lives.
    let pointer: OpaquePointer

    /// Takes the pointer over.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        PQclear(pointer)
    }

    /// What kind of result it is.
    var status: ExecStatusType { PQresultStatus(pointer) }

    /// `INSERT 0 1`, `ROLLBACK` …
    var commandTag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    /// Rows that the statement changed or returned.
    var affectedCount: Int { PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0 }

    /// An error field by libpq's letter (`PG_DIAG_*` are character macros, which Swift does not import).
    func field(_ letter: Unicode.Scalar) -> String? {
        PQresultErrorField(pointer, Int32(letter.value)).map { String(cString: $0) }
    }
}
