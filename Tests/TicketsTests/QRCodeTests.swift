import Foundation
import Testing
import Tickets

/// Codes are read back by zbarimg, as a telephone would.
@Suite struct QRCodeTests {
    @Test func aDecoderReadsWhatThePNGSays() throws {
        for text in [
            "BR1" + String(repeating: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count: 3) + "ABCDEFGH", "hello, world", "https://example.org/?a=1&b=c%20d",
        ] {
            #expect(try Zbar.read(QRCode.png(text), "png") == text)
        }
        #expect(try Zbar.read(QRCode.png("SMALL", pixelsPerModule: 3), "png") == "SMALL")
    }

    @Test func everySizeOfTextIsReadable() throws {
        for length in [1, 20, 107, 200, QRCode.longestText] {
            let text = String((0..<length).map { _ in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".randomElement() ?? "A" })
            #expect(try Zbar.read(QRCode.png(text, pixelsPerModule: 4), "png") == text, "\(length)")
        }
    }

    @Test func theSVGShowsTheSameModules() throws {
        let text = "BR1SVG"
        let svg = try QRCode.svg(text, label: "a <\"label\"> & more")
        #expect(svg.contains(#"aria-label="a &lt;&quot;label&quot;&gt; &amp; more""#))
        #expect(XMLCheck.isWellFormed(svg))
        #expect(try Zbar.read(Self.rasterised(svg), "pgm") == text)
    }

    @Test func aTextThatDoesNotFitIsATypedError() {
        for text in ["", String(repeating: "x", count: QRCode.longestText + 1), "a\0b"] {
            #expect { try QRCode(text) } throws: { ($0 as? TicketError)?.code == .image }
        }
    }

    /// Draws the runs of our own path, 6 pixels a module, as a portable grey map.
    private static func rasterised(_ svg: String) throws -> [UInt8] {
        let size = try #require(svg.firstMatch(of: #/viewBox="0 0 (\d+) /#).flatMap { Int($0.1) })
        let scale = 6
        var pixels = [UInt8](repeating: 255, count: size * size * scale * scale)
        for run in svg.matches(of: /M(\d+) (\d+)h(\d+)v1h-\d+z/) {
            let (x, y, width) = (try #require(Int(run.1)), try #require(Int(run.2)), try #require(Int(run.3)))
            for row in y * scale..<(y + 1) * scale {
                for column in x * scale..<(x + width) * scale { pixels[row * size * scale + column] = 0 }
            }
        }
        return Array("P5\n\(size * scale) \(size * scale)\n255\n".utf8) + pixels
    }
}
