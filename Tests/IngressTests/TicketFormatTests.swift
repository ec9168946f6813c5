import Testing

@testable import Ingress

@Suite struct TicketFormatTests {
    @Test(arguments: [
        ("", TicketFormat.json), ("*/*", .json), ("application/json", .json),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", .html),
        ("image/png", .png), ("image/svg+xml, image/png;q=0.9", .svg), ("image/png;q=0.5, image/svg+xml;q=0.4", .png), ("image/*", .svg),
        ("IMAGE/PNG", .png), ("text/*;q=0.1", .html), ("image/png;q=0", .json), ("application/pdf", .json), (";;,,q=", .json),
    ])
    func theFormIsTheOneThatIsLikedBest(accept: String, format: TicketFormat) {
        #expect(TicketFormat.preferred(accept) == format)
    }
}
