import CPq

extension PostgresError {
    /// The error that a result carries.
    static func server(_ result: borrowing PostgresResult, operation: String, file: String = #fileID, line: UInt = #line) -> PostgresError {
        let sqlState = result.field("C")
        let primary = result.field("M") ?? ""
        return PostgresError(
            code: endsSession(sqlState) ? .connectionLost : .server, operation: operation, message: publicMessage(primary, sqlState: sqlState),
            sqlState: sqlState, severity: result.field("V") ?? result.field("S"), constraint: result.field("n"), table: result.field("t"),
            column: result.field("c"), file: file, line: line)
    }

    /// The states after which the server closes the session.
    private static func endsSession(_ sqlState: String?) -> Bool {
        switch sqlState {
        case "57P01", "57P02", "57P03", "57P04", "57P05", "25P03": true
        default: false
        }
    }

    /// The server's text as far as it can hold no value of a row or a parameter; its DETAIL never is shown.
    private static func publicMessage(_ primary: String, sqlState: String?) -> String {
        guard let sqlState else { return "the server gave no SQLSTATE" }
        if namesOnlyClasses.contains(String(sqlState.prefix(2))) { return primary }
        // Data exceptions quote the value: invalid input syntax for type integer: "…".
        if sqlState.hasPrefix("22") { return withoutQuotedValues(primary) }
        return "the server refused the statement"
    }

    /// Classes whose primary message names identifiers and server objects only.
    private static let namesOnlyClasses: Set<String> = [
        "08", "0A", "23", "25", "26", "28", "34", "3D", "3F", "40", "42", "53", "54", "55", "57", "58",
    ]

    /// Everything from the first to the last double quote becomes `"…"`; a value may itself hold quotes.
    static func withoutQuotedValues(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        guard let first = line.firstIndex(of: "\""), let last = line.lastIndex(of: "\"") else { return line }
        return line[..<first] + "\"…\"" + line[line.index(after: last)...]
    }
}
