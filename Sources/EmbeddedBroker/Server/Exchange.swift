import NIOCore

/// One request and the place of its answer in the connection's row.
///
/// Confined to the event loop. Answers leave in the order of their requests, whenever they become ready.
final class Exchange {
    let header: RequestHeader
    /// Nil once the connection is gone or the answer is on its way.
    private(set) var connection: Connection?
    /// The finished answer: nil while it is worked on, empty when the request wants none.
    private(set) var answer: ByteBuffer?
    /// Its records are being read from the disk: nothing more is taken from this connection meanwhile.
    var isBusy = false
    /// Ends a wait early, because another request is behind this one.
    var hurry: (() -> Void)?
    /// Called when the connection closes first.
    var abandoned: (() -> Void)?

    init(header: RequestHeader, connection: Connection) {
        self.header = header
        self.connection = connection
    }

    /// The version that the client chose.
    var version: Int16 { header.version }
    /// What the client calls itself.
    var clientID: String { header.clientID ?? "" }
    /// The client's address, as group descriptions show it.
    var clientHost: String { connection?.remoteHost ?? "" }

    /// Bytes in front of an answer's body.
    static let prefixBytes = 9

    /// A writer that stands behind the response header.
    func writer(capacity: Int = 256) -> WireWriter {
        var writer = WireWriter(capacity: capacity + Self.prefixBytes)
        begin(&writer)
        return writer
    }

    /// Writes the response header into an empty writer.
    func begin(_ writer: inout WireWriter) {
        writer.int32(0)
        writer.int32(header.correlationID)
        // ApiVersions keeps the old response header in every version, so that any client can read it (KIP-511).
        if header.isFlexible, header.api != .apiVersions { writer.noTags() }
    }

    /// Sends what ``writer(capacity:)`` or ``begin(_:)`` began. The length is set in place: a copy of the buffer taken before would double every fetch.
    func send(_ writer: inout WireWriter) {
        writer.buffer.setInteger(Int32(writer.buffer.readableBytes - 4), at: writer.buffer.readerIndex)
        finish(writer.buffer)
    }

    /// Writes and sends the answer.
    func reply(capacity: Int = 256, _ body: (inout WireWriter) -> Void) {
        var writer = writer(capacity: capacity)
        body(&writer)
        send(&writer)
    }

    /// Ends the exchange without an answer: a produce with acks=0.
    func finishSilently() {
        finish(ByteBuffer())
    }

    /// Closes the connection, for what has no answer.
    func closeConnection() {
        connection?.close()
    }

    /// The connection is gone.
    func abandon() {
        connection = nil
        hurry = nil
        let abandoned = abandoned
        self.abandoned = nil
        abandoned?()
    }

    private func finish(_ buffer: ByteBuffer) {
        guard answer == nil, let connection else { return }
        answer = buffer
        hurry = nil
        abandoned = nil
        self.connection = nil
        connection.answerReady(bytes: buffer.readableBytes)
    }
}
