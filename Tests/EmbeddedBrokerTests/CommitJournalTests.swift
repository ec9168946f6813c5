import NIOCore
import Testing

@testable import EmbeddedBroker

@Suite struct CommitJournalTests {
    /// Writes `text` to a file below the folder, and to the journal.
    private func commit(_ text: String, to name: String, at position: Int64, in scratch: Scratch, _ journal: inout CommitJournal?) throws {
        let file = try LogFile(path: scratch.path + "/" + name, create: true)
        var round = WriteRound()
        round.writes = [WriteRound.Write(file: file, position: position, bytes: ByteBuffer(string: text))]
        let outcome = round.performDurably(&journal)
        #expect(outcome.fatal == nil && outcome.failures.isEmpty)
    }

    private func contents(_ name: String, in scratch: Scratch) throws -> String {
        let file = try LogFile(path: scratch.path + "/" + name, create: false)
        var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
        _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func replay(_ scratch: Scratch) throws -> Int {
        let entries = try CommitJournal.entries(in: scratch.path)
        try CommitJournal.replay(entries, in: scratch.path) { _ in true }
        return entries.count
    }

    @Test func whatThePowerCutTookIsWrittenAgain() throws {
        let scratch = try Scratch()
        var journal: CommitJournal? = try CommitJournal(directory: scratch.path)
        try commit("one ", to: "a", at: 0, in: scratch, &journal)
        try commit("two ", to: "a", at: 4, in: scratch, &journal)
        try commit("new", to: "b", at: 0, in: scratch, &journal)
        // Nothing but the journal was synced, so this is what may be left.
        try Scratch.truncate(scratch.path + "/a", to: 2)
        try Scratch.truncate(scratch.path + "/b", to: 0)
        #expect(try replay(scratch) == 3)
        #expect(try contents("a", in: scratch) == "one two " && contents("b", in: scratch) == "new")
        try journal?.close()
        #expect(try CommitJournal.entries(in: scratch.path).isEmpty)
    }

    @Test func aTornFrameIsNotReplayed() throws {
        let scratch = try Scratch()
        var journal: CommitJournal? = try CommitJournal(directory: scratch.path)
        try commit("one", to: "a", at: 0, in: scratch, &journal)
        let whole = try Scratch.size(scratch.path + "/journal-0")
        try commit("two", to: "a", at: 3, in: scratch, &journal)
        for size in whole..<(try Scratch.size(scratch.path + "/journal-0")) {
            try Scratch.truncate(scratch.path + "/journal-0", to: size)
            #expect(try CommitJournal.entries(in: scratch.path).count == 1)
            try Scratch.append([UInt8](repeating: 0xAB, count: 100), to: scratch.path + "/journal-0")
            #expect(try CommitJournal.entries(in: scratch.path).count == 1)
        }
        try journal?.close()
    }

    @Test func theFilesTakeTurnsAndReplayInOrder() throws {
        let scratch = try Scratch()
        var journal: CommitJournal? = try CommitJournal(directory: scratch.path)
        let block = String(repeating: "x", count: 400_000)
        var position: Int64 = 0
        for _ in 0..<60 {
            try commit(block, to: "a", at: position, in: scratch, &journal)
            position += 400_000
        }
        for number in 0...1 { #expect(try Scratch.size(scratch.path + "/journal-\(number)") <= UInt64(CommitJournal.capacityBytes)) }
        let entries = try CommitJournal.entries(in: scratch.path)
        #expect(entries.map(\.position) == entries.map(\.position).sorted() && entries.last?.position == position - 400_000)
        // All that the older journal does not hold any more is durable in the file itself.
        try Scratch.truncate(scratch.path + "/a", to: UInt64(entries[0].position))
        _ = try replay(scratch)
        #expect(try Scratch.size(scratch.path + "/a") == UInt64(position))
        try journal?.close()
    }

    @Test func aFileThatWasRemovedIsNotMadeUp() throws {
        let scratch = try Scratch()
        var journal: CommitJournal? = try CommitJournal(directory: scratch.path)
        try commit("late", to: "a", at: 0, in: scratch, &journal)
        let entries = [CommitJournal.Entry(path: "gone", position: 100, bytes: ByteBuffer(string: "x"))]
        try CommitJournal.replay(entries, in: scratch.path) { _ in true }
        #expect(throws: BrokerError.self) { try contents("gone", in: scratch) }
        try journal?.close()
    }
}

/// A power cut, imitated: what the journal holds is all that is left of the newest records.
@Suite(.serialized) struct PowerCutTests {
    @Test func withSyncAlwaysEverythingAcknowledgedComesBack() throws {
        let broker = try BrokerProcess(["--sync", "always"])
        // What a start writes, it syncs itself.
        let synced = try Scratch.size(broker.dataPath + "/state.log")
        var client = try RawClient(port: broker.port)
        _ = try client.createTopic("t", partitions: 3)
        for number in 0..<300 {
            #expect(try client.produce(TestBatch.make(["\(number)"]), topic: "t", partition: Int32(number % 3)).error == ErrorCode.none)
        }
        broker.kill()
        for partition in 0..<3 {
            let path = broker.dataPath + "/topics/1-t/\(partition)/" + Segment.name(baseOffset: 0)
            // The first partition loses its end, the second is torn and full of garbage, the third was never in its folder.
            if partition < 2 { try Scratch.truncate(path, to: UInt64(partition * 1_000)) }
            if partition == 1 { try Scratch.append([UInt8](repeating: 0x55, count: 777), to: path) }
            if partition == 2 { Directory.remove(path) }
        }
        try Scratch.truncate(broker.dataPath + "/state.log", to: synced)
        try broker.start()
        client = try RawClient(port: broker.port)
        for partition in 0..<3 {
            let read = try broker.kcat(["-C", "-t", "t", "-p", String(partition), "-e", "-q", "-o", "beginning"]).output
            #expect(read.split(separator: "\n").compactMap { Int($0) } == Array(stride(from: partition, to: 300, by: 3)))
        }
    }
}
