import Foundation
import KafkaTestSupport

/// The broker under test: an embedded one of this run, or what `CONFORMANCE_BOOTSTRAP` names, such as Apache Kafka.
enum Subject {
    static let bootstrap = Result<String, any Error> {
        if let named = ProcessInfo.processInfo.environment["CONFORMANCE_BOOTSTRAP"], !named.isEmpty { return named }
        return "127.0.0.1:\(try embedded.get().port)"
    }

    /// Started when it is first asked for, ended with the test process.
    static let embedded = Result<BrokerProcess, any Error> {
        guard let binary = TestCluster.brokerBinary else {
            throw ConformanceFailure("no embedded-broker beside the tests; name one in EMBEDDED_BROKER")
        }
        return try BrokerProcess(binary: binary)
    }
}

/// Why the suite could not be run, or what it found.
struct ConformanceFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
