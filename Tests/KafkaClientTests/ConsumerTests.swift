import KafkaTestSupport
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(2)))
struct ConsumerTests {
    @Test func aMessageWakesTheReaderWithinMilliseconds() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let producer = try cluster.producer { $0.linger = .zero }
        let reader = try cluster.reader()
        try await reader.assign([KafkaTopicPartition(topic: topic, partition: 0): .beginning])
        _ = try await producer.send(KafkaRecord(topic, "k", "v"))
        _ = try await reader.collect(1)
        var waits: [Duration] = []
        for _ in 0..<50 {
            async let batch = reader.next(max: 10, wait: .seconds(5))
            #expect(await eventually { reader.isAwaited })
            _ = try await producer.send(KafkaRecord(topic, "k", "v"))
            let acknowledged = ContinuousClock.now
            #expect(try await batch.messages.count == 1)
            waits.append(ContinuousClock.now - acknowledged)
        }
        waits.sort()
        print("from acknowledgement to the reader: median \(waits[25]), slowest \(waits[49])")
        // The mock cluster does not end a waiting fetch when a record arrives.
        if cluster.broker != nil { #expect(waits[25] < .milliseconds(5)) }
        await reader.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func anEmptyWaitEndsInTime() async throws {
        let cluster = try TestCluster.shared.get()
        let reader = try cluster.reader()
        let started = ContinuousClock.now
        #expect(try await reader.next(max: 10, wait: .milliseconds(50)).isEmpty)
        #expect(ContinuousClock.now - started < .seconds(1))
        await reader.close()
    }

    @Test func aCommittedGroupGoesOnWhereItStood() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let partition = KafkaTopicPartition(topic: topic, partition: 0)
        let producer = try cluster.producer()
        for result in await producer.send((0..<10).map { KafkaRecord(topic, "k", "\($0)") }) { _ = try result.get() }
        let first = try cluster.consumer(group: topic, topics: [topic])
        #expect(try await first.collect(10).count == 10)
        try await first.commit([partition: 6])
        #expect(try await first.committed([partition]) == [partition: 6])
        #expect(await first.close())
        let second = try cluster.consumer(group: topic, topics: [topic])
        #expect(try await second.collect(4).map(\.offset) == [6, 7, 8, 9])
        await second.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func manualAssignmentStartsWhereItIsTold() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic(partitions: 3)
        let producer = try cluster.producer()
        for partition in Int32(0)..<3 {
            for index in 0..<5 { _ = try await producer.send(KafkaRecord(topic, "k", "\(index)", partition: partition)) }
        }
        let reader = try cluster.reader()
        #expect(try await reader.endOffsets(topic: topic) == [0: 5, 1: 5, 2: 5])
        let partitions = (0..<3).map { KafkaTopicPartition(topic: topic, partition: $0) }
        try await reader.assign([partitions[0]: .beginning, partitions[1]: .at(3)])
        let read = try await reader.collect(7)
        #expect(read.filter { $0.partition == 0 }.map(\.offset) == [0, 1, 2, 3, 4])
        #expect(read.filter { $0.partition == 1 }.map(\.offset) == [3, 4])
        // One more partition from the end; the others go on where they are.
        try await reader.add([partitions[2]: .at(5)])
        #expect(reader.assignment == Set(partitions))
        for partition in Int32(0)..<3 { _ = try await producer.send(KafkaRecord(topic, "k", "new", partition: partition)) }
        let added = try await reader.collect(3)
        #expect(added.map(\.offset) == [5, 5, 5])
        #expect(Set(added.map(\.partition)) == [0, 1, 2])
        try await reader.seek(partitions[0], to: .at(4))
        #expect(try await reader.collect(2).map(\.offset) == [4, 5])
        await reader.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func aPausedPartitionWaitsAndThenGoesOnWithoutAGap() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let partition = KafkaTopicPartition(topic: topic, partition: 0)
        let producer = try cluster.producer()
        for result in await producer.send((0..<100).map { KafkaRecord(topic, "k", "\($0)") }) { _ = try result.get() }
        let reader = try cluster.reader()
        try await reader.assign([partition: .beginning])
        var offsets: [Int64] = []
        while offsets.count < 40 { offsets += try await reader.next(max: 10, wait: .seconds(5)).messages.map(\.offset) }
        try await reader.pause([partition])
        try await reader.resume([partition])
        offsets += try await reader.collect(60).map(\.offset)
        #expect(offsets == Array(0..<100))
        await reader.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func limitsOfABatchAreKept() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let producer = try cluster.producer()
        for result in await producer.send((0..<100).map { _ in KafkaRecord(topic, "k", String(repeating: "x", count: 99)) }) { _ = try result.get() }
        let reader = try cluster.reader()
        try await reader.assign([KafkaTopicPartition(topic: topic, partition: 0): .beginning])
        #expect(try await reader.next(max: 10, wait: .seconds(5)).messages.count <= 10)
        #expect(try await reader.next(max: 1_000, maxBytes: 1_000, wait: .seconds(5)).messages.count <= 10)
        await reader.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func twoMembersShareThePartitionsAndARevokeIsOrderly() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic(partitions: 4)
        let producer = try cluster.producer()
        let records = (0..<40).map { KafkaRecord(topic, "k", "\($0)", partition: Int32($0 % 4)) }
        for result in await producer.send(records) { _ = try result.get() }
        let first = try cluster.consumer(group: topic, topics: [topic])
        var read = try await first.collect(40)
        #expect(first.assignment.count == 4)
        let second = try cluster.consumer(group: topic, topics: [topic])
        // The first one commits what it has done while the revocation waits for it.
        let revoked = try await first.rebalance { if case .revoked(_, lost: false) = $0 { true } else { false } }
        #expect(revoked != nil)
        var done: [KafkaTopicPartition: Int64] = [:]
        for message in read { done[message.topicPartition] = message.offset + 1 }
        do {
            try await first.commit(done)
        } catch {
            // The mock cluster refuses commits while a group is being rebalanced; Kafka takes them.
            #expect(cluster.broker == nil && error.code == .rebalanced)
        }
        first.acknowledgeRevoke()
        let joined = Task { try await second.rebalance { if case .assigned = $0 { true } else { false } } }
        _ = try await first.rebalance { if case .assigned = $0 { true } else { false } }
        _ = try await joined.value
        #expect(first.assignment.count == 2)
        #expect(second.assignment.count == 2)
        #expect(first.assignment.isDisjoint(with: second.assignment))
        // Nothing that was committed comes again.
        for result in await producer.send(records) { _ = try result.get() }
        let one = Task { try await first.collect(20) }
        let two = Task { try await second.collect(20) }
        read = try await one.value + two.value
        if cluster.broker != nil {
            #expect(read.count == 40)
            #expect(read.allSatisfy { $0.offset >= 10 })
        }
        // What the other one owns cannot be committed here.
        let foreign = try #require(second.assignment.first)
        let lost = await #expect(throws: KafkaError.self) { try await first.commit([foreign: 1]) }
        #expect(lost?.code == .partitionLost)
        #expect(lost?.disposition == .retry)
        await first.close()
        await second.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func aRevokeThatNobodyAcknowledgesEndsAtItsLimit() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic(partitions: 2)
        let first = try cluster.consumer(group: topic, topics: [topic]) { $0.revokeLimit = .milliseconds(300) }
        _ = try await first.rebalance { if case .assigned = $0 { true } else { false } }
        let owned = first.assignment
        let second = try cluster.consumer(group: topic, topics: [topic])
        #expect(try await second.rebalance { if case .assigned = $0 { true } else { false } } != nil)
        #expect(owned.count == 2)
        #expect(await eventually { first.assignment.count == 1 })
        await first.close()
        await second.close()
    }

    @Test func closingAnswersEverybodyWhoWaits() async throws {
        let cluster = try TestCluster.shared.get()
        let reader = try cluster.reader()
        let waiting = Task { try await reader.next(max: 1, wait: .seconds(60)) }
        #expect(await eventually { reader.isAwaited })
        let second = await #expect(throws: KafkaError.self) { _ = try await reader.next(max: 1, wait: .seconds(1)) }
        #expect(second?.code == .invalidArgument)
        #expect(await reader.close(limit: .seconds(5)))
        let error = await #expect(throws: KafkaError.self) { _ = try await waiting.value }
        #expect(error?.code == .closed)
        let late = await #expect(throws: KafkaError.self) { try await reader.commit([:]) }
        #expect(late?.code == .closed)
    }

    @Test func cancellingAWaitLosesNothing() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic()
        let reader = try cluster.reader()
        try await reader.assign([KafkaTopicPartition(topic: topic, partition: 0): .beginning])
        let waiting = Task { try await reader.next(max: 1, wait: .seconds(60)) }
        #expect(await eventually { reader.isAwaited })
        waiting.cancel()
        let error = await #expect(throws: KafkaError.self) { _ = try await waiting.value }
        #expect(error?.code == .cancelled)
        let producer = try cluster.producer()
        _ = try await producer.send(KafkaRecord(topic, "k", "v"))
        #expect(try await reader.collect(1).map(\.offset) == [0])
        await reader.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func aNamedMemberThatComesBackHasItsPartitionsAtOnceAndNobodyElseNotices() async throws {
        let cluster = try TestCluster.shared.get()
        guard cluster.broker != nil else { return }
        let topic = try await cluster.topic(partitions: 4)
        let first = try cluster.consumer(group: topic, topics: [topic]) { $0.instanceID = "a" }
        let other = try cluster.consumer(group: topic, topics: [topic]) { $0.instanceID = "b" }
        let listening = Task { while !Task.isCancelled { _ = try? await other.next(max: 1, wait: .milliseconds(50)) } }
        let taking = Task {
            while first.assignment.count != 2 {
                let batch = try await first.next(max: 1, wait: .milliseconds(50))
                if batch.rebalances.contains(where: { if case .revoked = $0 { true } else { false } }) { first.acknowledgeRevoke() }
            }
        }
        try await taking.value
        #expect(await eventually(.seconds(20)) { other.assignment.count == 2 })
        let (owned, generation) = (first.assignment, other.generation)
        await first.close()
        let started = ContinuousClock.now
        let again = try cluster.consumer(group: topic, topics: [topic]) { $0.instanceID = "a" }
        #expect(await eventually(.seconds(20)) { again.assignment == owned })
        print("from its start to its partitions: \(ContinuousClock.now - started)")
        #expect(ContinuousClock.now - started < .seconds(3))
        #expect(other.generation == generation)
        listening.cancel()
        await listening.value
        await again.close()
        await other.close()
    }

    @Test func theEarlierOfTwoWithOneNameIsFenced() async throws {
        let cluster = try TestCluster.shared.get()
        guard cluster.broker != nil else { return }
        let topic = try await cluster.topic()
        let first = try cluster.consumer(group: topic, topics: [topic]) { $0.instanceID = "twin" }
        _ = try await first.rebalance { if case .assigned = $0 { true } else { false } }
        let second = try cluster.consumer(group: topic, topics: [topic]) { $0.instanceID = "twin" }
        let error = await #expect(throws: KafkaError.self) { while true { _ = try await first.next(max: 1, wait: .seconds(10)) } }
        #expect(error?.code == .fenced)
        #expect(error?.disposition == .fatal)
        #expect(error?.message.contains("instance id twin") == true)
        #expect(await eventually { second.assignment.count == 1 })
        let closing = ContinuousClock.now
        #expect(await first.close(limit: .seconds(5)))
        #expect(ContinuousClock.now - closing < .seconds(3))
        await second.close()
    }

    @Test func aTopicThatComesLateIsAnErrorAndThenRead() async throws {
        let cluster = try TestCluster.shared.get()
        guard cluster.broker != nil else { return }
        let topic = "late.\(ContinuousClock.now.hashValue)"
        let consumer = try cluster.consumer(group: topic, topics: [topic]) { $0.options = ["topic.metadata.refresh.interval.ms": "500"] }
        let error = await #expect(throws: KafkaError.self) { while true { _ = try await consumer.next(max: 1, wait: .seconds(10)) } }
        #expect(error?.code == .unknownTopic)
        #expect(error?.disposition == .outage)
        let admin = try cluster.admin()
        try await admin.createTopic(topic, partitions: 1)
        await admin.shutdown()
        let producer = try cluster.producer()
        _ = try await producer.send(KafkaRecord(topic, "k", "v"))
        #expect(
            await eventually(.seconds(20)) {
                do { return try await consumer.next(max: 1, wait: .seconds(1)).messages.count == 1 } catch { return false }
            })
        await consumer.close()
        await producer.shutdown(flush: .seconds(5))
    }

    @Test func aConsumerWithoutABrokerClosesWithinItsLimit() async throws {
        let port = try BrokerProcess.freePort()
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: "127.0.0.1:\(port)", clientID: "nobody", groupID: "g", topics: ["t"]),
            logger: .quiet)
        #expect(try await consumer.next(max: 1, wait: .milliseconds(300)).isEmpty)
        #expect(!consumer.isReachable)
        let error = await #expect(throws: KafkaError.self) { _ = try await consumer.endOffsets(topic: "t", limit: .milliseconds(200)) }
        #expect(error?.disposition == .outage)
        let started = ContinuousClock.now
        #expect(await consumer.close(limit: .seconds(2)))
        #expect(ContinuousClock.now - started < .seconds(5))
    }
}
