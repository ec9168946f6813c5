import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import Ingress

@Suite struct WaitRequestTests {
    private func request(_ path: String = "/", _ headers: HTTPFields = [:]) -> Request {
        Request(head: HTTPRequest(method: .get, scheme: "http", authority: "x", path: path, headerFields: headers), body: .init(buffer: ByteBuffer()))
    }

    @Test(arguments: [
        ("wait=5", 5), ("Wait = 5", 5), ("respond-async, wait=10", 10), ("wait=\"7\"", 7), ("wait=5; foo=bar", 5), ("wait=600", 30), ("wait=x", nil),
        ("wait=-1", nil), ("wait", nil), ("", nil),
    ])
    func readsThePreference(_ header: String, _ seconds: Int?) throws {
        #expect(try WaitRequest(request("/", [.prefer: header])).seconds == seconds)
    }

    @Test func theQueryWinsAndMustBeANumber() throws {
        #expect(try WaitRequest(request("/?wait=3", [.prefer: "wait=9"])).seconds == 3)
        #expect(throws: APIError.self) { try WaitRequest(request("/?wait=soon")) }
        #expect(throws: APIError.self) { try WaitRequest(request("/?wait=-2")) }
    }

    @Test(arguments: [("\"3\"", true), ("W/\"3\"", true), ("\"1\", \"3\"", true), ("*", true), ("\"30\"", false), ("\"4\"", false), ("3", false)])
    func comparesTagsWeakly(_ header: String, _ knows: Bool) throws {
        let wait = try WaitRequest(request("/", [.ifNoneMatch: header]))
        #expect(wait.isConditional)
        #expect(wait.knows(3) == knows)
    }

    @Test func pagesAreWithinBounds() throws {
        #expect(try Page(request("/?page=3&per_page=10")).offset == 20)
        #expect(try Page(request("/")).size == 20)
        for bad in ["page=0", "page=x", "per_page=0", "per_page=101", "page=99999999999999999999"] {
            #expect(throws: APIError.self) { try Page(request("/?\(bad)")) }
        }
    }
}
