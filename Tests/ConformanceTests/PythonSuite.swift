import Foundation

/// `Tests/Conformance`: the suite in Python, and its helpers.
enum PythonSuite {
    /// The clients that it drives.
    static let clients = ["kcat", "confluent-kafka", "kafka-python", "aiokafka"]
    /// The longest that all of them together may take.
    static let limit: Duration = .seconds(150)

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The folder of `run.py`.
    static var folder: String { root.appendingPathComponent("Tests/Conformance").path }

    private static let named = ProcessInfo.processInfo.environment["CONFORMANCE_PYTHON"] ?? ""

    /// Whether the Kafka clients for Python are here; not where `ops/test` could not reach PyPI.
    static let hasClients = named != "unavailable"

    /// `CONFORMANCE_PYTHON`: the Python with the packages of `requirements.txt`, as `ops/test` installs it. The helpers need none of them.
    static func python() throws -> String {
        let path = hasClients ? named : "/usr/bin/python3"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw ConformanceFailure("no Python with the Kafka clients at '\(path)': ops/test makes it and names it in CONFORMANCE_PYTHON")
        }
        return path
    }

    /// Starts one of the suite's helpers, such as `conformance.proxy`.
    static func helper(_ module: String, _ arguments: [String]) throws -> Program {
        try Program(python(), ["-m", module] + arguments, folder: folder)
    }

    /// One result of `run.py --json`.
    struct Report: Decodable {
        struct Result: Decodable {
            let client: String
            let name: String
            let ok: Bool
            let seconds: Double
            let error: String?

            enum CodingKeys: String, CodingKey {
                case client, ok, seconds, error
                case name = "case"
            }
        }

        let clients: [String: String]
        let results: [Result]
    }

    /// All clients side by side, once for all tests.
    static let run = Task { () async throws -> (report: Report?, output: String) in
        let file = NSTemporaryDirectory() + "conformance-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let program = try Program(python(), ["run.py", "--bootstrap", Subject.bootstrap.get(), "--json", file], folder: folder)
        _ = try await program.end(limit: limit)
        let data = FileManager.default.contents(atPath: file)
        return (try data.map { try JSONDecoder().decode(Report.self, from: $0) }, program.output.joined(separator: "\n"))
    }
}
