import BookingEngine
import Domain
import KafkaClient
import WorkerRuntime

/// Cancels bookings on command, many at a time: releases the holds, then says how the operations ended.
///
/// Each line may be the last before a crash. A release knows its own operation at a second try and its event waits in the outbox, the ends are written
/// once by the inbox, and the offsets are committed after the messages that tell of the ends are acknowledged.
struct CancelHandler: BatchHandler {
    /// A command with the trace that it belongs to.
    struct Cancel: Sendable {
        let command: CancelCommand
        let shard: Shard
        /// W3C traceparent, or empty.
        let trace: String
    }

    let engine: BookingEngine
    let publisher: OutboxPublisher
    let producer: KafkaProducer
    let operations: OperationStore

    func decode(_ message: KafkaMessage) throws -> Cancel? {
        guard message.headers.text("ce_type") == MessageType.bookingCancel.rawValue else {
            throw Failure(.deadLetter, label: "unknown_type", message: "the message's type is not known here")
        }
        guard let value = message.value else { throw Failure(.deadLetter, label: "undecodable", message: "the message has no value") }
        let command = try CancelCommand(json: value)
        guard let shard = command.booking.shard else { throw Failure(.deadLetter, label: "undecodable", message: "no booking id") }
        return Cancel(command: command, shard: shard, trace: message.headers.text("traceparent") ?? "")
    }

    func apply(_ items: [BatchItem<Cancel>]) async throws -> [Refusal] {
        let ended = try await operations.ended(items.map(\.value.command.operation))
        let open = items.indices.filter { ended[items[$0].value.command.operation] == nil }
        var work = Work()
        try await release(open.map { ($0, items[$0].value) }, &work)
        let ends = work.ends.sorted { $0.key < $1.key }.map { index, error in
            OperationStore.End(of: items[index].value.command, error: error)
        }
        var told = try await operations.finish(ends)
        told.merge(ended) { first, _ in first }
        // One message an operation, also when its command came twice in this batch.
        let cancels = Dictionary(items.map { ($0.value.command.operation, $0.value) }) { first, _ in first }
        try await announce(told.compactMap { id, operation in cancels[id].map { (operation, $0.command.tenant, $0.trace) } })
        if let failure = work.failure { throw failure }
        return work.refusals
    }

    /// Ends the operations of commands that are given up, for those who wait for them. Sending such a command again changes nothing: its user was
    /// told that it failed, and the first word stands.
    func gaveUp(_ messages: [GivenUpMessage]) async throws {
        // A command that cannot be read does not say whose it is.
        let cancels = messages.compactMap { given in (try? decode(given.message)).flatMap { $0 }.map { (cancel: $0, given.failure) } }
        if cancels.isEmpty { return }
        let told = try await operations.finish(
            cancels.map { cancel, failure in
                OperationStore.End(
                    of: cancel.command,
                    error: failure.label == Self.wrongUser
                        ? (.forbidden, "The booking is another user's.")
                        : (.internalError, "The cancellation could not be carried out; the booking shows its own state."))
            })
        let known = Dictionary(cancels.map { ($0.cancel.command.operation, $0.cancel) }) { first, _ in first }
        try await announce(told.compactMap { id, operation in known[id].map { (operation, $0.command.tenant, $0.trace) } })
    }

    private static let wrongUser = "wrong_user"

    /// What came of a batch's releases, by the items' places.
    private struct Work {
        /// How operations ended: nil where they succeeded.
        var ends: [Int: OperationStore.End.Reason?] = [:]
        var refusals: [Refusal] = []
        /// What kept some from being decided; the others are finished all the same.
        var failure: Failure?
    }

    /// Releases holds, in one write to Redis, and sends what the outbox keeps of it on its way.
    private func release(_ cancels: [(index: Int, Cancel)], _ work: inout Work) async throws {
        if cancels.isEmpty { return }
        var own: [(index: Int, cancel: Cancel)] = []
        for ((index, cancel), booking) in zip(cancels, try await engine.bookings(cancels.map { ($1.command.booking, $1.shard) })) {
            if let booking, booking.user != cancel.command.user {
                work.refusals.append(Refusal(index, Failure(.deadLetter, label: Self.wrongUser, message: "the booking is another user's")))
            } else {
                own.append((index, cancel))
            }
        }
        let results = try await engine.release(
            own.map { _, cancel in
                BookingEngine.Release(
                    booking: cancel.command.booking, shard: cancel.shard, status: .cancelled, by: cancel.command.operation.description,
                    trace: cancel.trace)
            })
        var entries: [OutboxEntry] = []
        var missing: [(index: Int, booking: BookingID)] = []
        for ((index, cancel), result) in zip(own, results) {
            switch result {
            case .success(.released(let entry)):
                entries.append(entry)
                work.ends[index] = .some(nil)
            case .success(.releasedBefore): work.ends[index] = .some(nil)
            case .success(.wrongState(let status)): work.ends[index] = Self.wrongState(status)
            case .success(.paymentOpen):
                work.ends[index] = .some((.invalidState, "A payment of the booking is open; it cannot be cancelled until that has ended."))
            case .success(.notDue):
                let failure = Failure(.deadLetter, label: "unexpected", message: "a cancel was told that the hold is not due")
                work.refusals.append(Refusal(index, failure))
            case .success(.missing): missing.append((index, cancel.command.booking))
            case .failure(let error): work.failure = work.failure ?? error.failure
            }
        }
        // Nobody waits for the acknowledgement: the entries stay in the outbox until it has come.
        publisher.publishWithoutWaiting(entries)
        if missing.isEmpty { return }
        let reported = try await operations.reportedStatus(of: missing.map(\.booking))
        for (index, booking) in missing {
            // Gone from Redis is only an answer when a final state was read; else state is missing that must be there.
            if let status = reported[booking], status.isFinal {
                work.ends[index] = Self.wrongState(status)
            } else {
                work.failure = Failure(.outage, label: "state_missing", message: "the booking is neither in Redis nor final in PostgreSQL")
            }
        }
    }

    private static func wrongState(_ status: BookingStatus) -> OperationStore.End.Reason {
        (.invalidState, "The booking is \(status.rawValue).")
    }

    /// Tells those who read the operations from Redis, and those who wait for them; returns once Kafka has all.
    private func announce(_ ends: [(operation: Operation, tenant: TenantID, trace: String)]) async throws {
        if ends.isEmpty { return }
        try await engine.finish(ends.map(\.operation))
        let records = ends.map { operation, tenant, trace in
            CloudEvent(
                type: .operationFinished, id: "\(operation.id)/\(operation.version)/\(MessageType.operationFinished.rawValue)",
                subject: operation.id.description, time: .now, trace: trace, value: operation.eventJSON(tenant: tenant)
            ).record
        }
        for result in await producer.send(records) { _ = try result.get() }
    }
}
