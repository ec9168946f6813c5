import KafkaClient
import Testing

@testable import WorkerRuntime

struct MessageLanesTests {
    private let partition = KafkaTopicPartition(topic: "t", partition: 0)

    private func message(_ offset: Int64, _ key: UInt8?) -> KafkaMessage {
        KafkaMessage(topic: "t", partition: 0, offset: offset, key: key.map { [$0] }, value: nil)
    }

    @Test func messagesOfAKeyWaitForEachOtherAndOthersDoNot() {
        var lanes = MessageLanes()
        for (offset, key) in [(0, 1), (1, 1), (2, 2)] as [(Int64, UInt8)] { lanes.accept(message(offset, key)) }
        #expect(lanes.start()?.offset == 0)
        #expect(lanes.start()?.offset == 2)
        #expect(lanes.start() == nil)
        #expect(lanes.running == 2)
        lanes.finish(message(0, 1), isDone: true)
        #expect(lanes.start()?.offset == 1)
        #expect(lanes.inHand == 2)
    }

    @Test func messagesWithoutAKeyWaitForNobody() {
        var lanes = MessageLanes()
        for offset in 0..<3 { lanes.accept(message(Int64(offset), nil)) }
        #expect((0..<3).compactMap { _ in lanes.start()?.offset } == [0, 1, 2])
    }

    @Test func whereKeysGiveNoOrderMessagesOfAKeyRunSideBySideAndAreCommittedUpToTheFirstGap() {
        var lanes = MessageLanes(ordersByKey: false)
        for offset in 0..<3 { lanes.accept(message(Int64(offset), 1)) }
        #expect((0..<3).compactMap { _ in lanes.start()?.offset } == [0, 1, 2])
        lanes.finish(message(2, 1), isDone: true)
        lanes.finish(message(0, 1), isDone: false)
        #expect(lanes.takeProgress().isEmpty)
        #expect(lanes.start()?.offset == 0)
        for offset in [0, 1] as [Int64] { lanes.finish(message(offset, 1), isDone: true) }
        #expect(lanes.takeProgress() == [partition: 3])
        #expect(lanes.inHand == 0 && lanes.running == 0)
    }

    @Test func offsetsAreCommittedUpToTheFirstGap() {
        var lanes = MessageLanes()
        for offset in [10, 11, 15, 16] as [Int64] { lanes.accept(message(offset, UInt8(offset))) }
        while lanes.start() != nil {}
        lanes.finish(message(11, 11), isDone: true)
        #expect(lanes.takeProgress().isEmpty)
        lanes.finish(message(10, 10), isDone: true)
        #expect(lanes.takeProgress() == [partition: 12])
        #expect(lanes.takeProgress().isEmpty)
        lanes.finish(message(16, 16), isDone: true)
        lanes.finish(message(15, 15), isDone: true)
        #expect(lanes.takeProgress() == [partition: 17])
        #expect(lanes.inHand == 0)
    }

    @Test func whatIsHandedBackStartsAgainAfterTheOthersHadTheirTurn() {
        var lanes = MessageLanes()
        for (offset, key) in [(0, 1), (1, 2)] as [(Int64, UInt8)] { lanes.accept(message(offset, key)) }
        #expect(lanes.start()?.offset == 0)
        lanes.finish(message(0, 1), isDone: false)
        #expect(lanes.start()?.offset == 1)
        #expect(lanes.start()?.offset == 0)
        #expect(lanes.inHand == 2)
    }

    @Test func aMillionMessagesInAnyOrderLeaveNothingBehind() {
        var lanes = MessageLanes()
        var random = SystemRandomNumberGenerator()
        var next: Int64 = 0
        var running: [KafkaMessage] = []
        var committed: Int64 = 0
        for _ in 0..<100_000 {
            while lanes.inHand < 100 {
                lanes.accept(message(next, UInt8.random(in: 0..<50, using: &random)))
                next += 1
            }
            while running.count < 16, let started = lanes.start() { running.append(started) }
            let index = Int.random(in: 0..<running.count, using: &random)
            lanes.finish(running.remove(at: index), isDone: true)
            if let progress = lanes.takeProgress()[partition] {
                #expect(progress > committed)
                committed = progress
                if let oldest = running.map(\.offset).min() { #expect(oldest >= committed) }
            }
        }
        for message in running { lanes.finish(message, isDone: true) }
        while let message = lanes.start() { lanes.finish(message, isDone: true) }
        #expect(lanes.inHand == 0)
        #expect(lanes.takeProgress() == [partition: next])
    }

    @Test func keysAndValuesInHandAreCountedInBytes() {
        var lanes = MessageLanes()
        for offset in 0..<3 as Range<Int64> {
            lanes.accept(KafkaMessage(topic: "t", partition: 0, offset: offset, key: [UInt8(offset)], value: [1, 2]))
        }
        #expect(lanes.bytes == 9)
        while lanes.start() != nil {}
        lanes.finish(message(1, 1), isDone: true)
        #expect(lanes.bytes < 9)
    }
}

struct FailureWindowTests {
    @Test func mostOfTheLatestFailingIsAnOutage() {
        let window = FailureWindow(minFailures: 5)
        for index in 0..<4 { window.note("bad\(index)", failed: true) }
        #expect(!window.isOutage)
        window.note("bad4", failed: true)
        #expect(window.isOutage)
        for index in 0..<5 { window.note("good\(index)", failed: false) }
        #expect(!window.isOutage)
    }

    @Test func oneMessageThatFailsAgainAndAgainIsOne() {
        let window = FailureWindow(minFailures: 2)
        for _ in 0..<20 { window.note("bad", failed: true) }
        #expect(!window.isOutage)
        window.note("other", failed: true)
        #expect(window.isOutage)
        window.note("bad", failed: false)
        #expect(!window.isOutage)
    }
}
