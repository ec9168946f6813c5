import TestSupport
import Testing

/// The product driven from outside: one whole installation of real processes, over HTTP.
///
/// Its suites share the installation, each test with an event and users of its own. Serialised: a rush needs the machine for itself.
@Suite(.serialized, .installation, .timeLimit(.minutes(3))) struct EndToEnd {}
