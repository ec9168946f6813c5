import HTTPTypes
import Hummingbird
import NIOCore

/// An answer whose body is there as a whole.
struct PlainResponse: Sendable {
    var status: HTTPResponse.Status
    var headers: HTTPFields
    var body: [UInt8]
}

extension Response {
    init(_ plain: PlainResponse) {
        self.init(status: plain.status, headers: plain.headers, body: .init(byteBuffer: ByteBuffer(bytes: plain.body)))
    }
}
