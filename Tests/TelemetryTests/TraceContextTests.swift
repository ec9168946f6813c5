import Testing

@testable import Telemetry

@Suite struct TraceContextTests {
    private let sample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func headerIsReadAndWrittenUnchanged() throws {
        let context = try #require(TraceContext(header: sample))
        #expect(context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.spanID == "00f067aa0ba902b7")
        #expect(context.isSampled)
        #expect(context.headerText == sample)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ])
    func brokenHeaderStartsNoTrace(header: String) {
        #expect(TraceContext(header: header) == nil)
    }

    @Test func laterVersionIsReadAsTheFirst() throws {
        let context = try #require(TraceContext(header: "01" + sample.dropFirst(2) + "-what.comes.later"))
        #expect(context.headerText == sample)
    }

    @Test func childKeepsTheTraceAndHasItsOwnSpan() {
        let parent = TraceContext(isSampled: false)
        let child = parent.child()
        #expect(child.traceID == parent.traceID)
        #expect(child.spanID != parent.spanID)
        #expect(!child.isSampled)
        #expect(TraceContext(header: parent.headerText) == parent)
    }

    @Test func idsDoNotRepeat() {
        var seen = Set<String>()
        for _ in 0..<10_000 { seen.insert(TraceContext().traceID) }
        #expect(seen.count == 10_000)
    }
}
