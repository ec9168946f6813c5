import Crypto
import Domain
import Foundation

/// A catalogue to load, as `rushctl seed --file` reads it. Ids follow from slugs, names and places, so loading twice is loading once.
struct SeedFile: Codable, Sendable {
    var tenant: Named
    var category: Named?
    var venue: Venue?
    /// People who can be written to.
    var people: [Person]?
    var events: [Event]

    struct Named: Codable, Sendable {
        var slug: String
        var name: String
    }

    struct Venue: Codable, Sendable {
        var name: String
        var city: String
        /// ISO 3166 alpha-2.
        var country: String
        /// IANA name.
        var timeZone: String
    }

    struct Person: Codable, Sendable {
        var email: String
        var name: String?
        /// `en` or `th`; English when absent.
        var locale: String?
        /// E.164.
        var phone: String?
        /// The URL that takes push messages.
        var pushEndpoint: String?
    }

    struct Event: Codable, Sendable {
        var slug: String
        var title: String
        var description: String?
        /// Tickets; 4 when absent.
        var maxTicketsPerUser: Int?
        /// Years; 0 when absent.
        var minAge: Int?
        /// Whether a booking may be held for a day for a bank transfer; false when absent.
        var allowsBankTransfer: Bool?
        /// Seconds from the first load to the opening of the sale; negative for the past, which is also the default.
        var saleOpensIn: Int?
        var shows: [Show]
    }

    struct Show: Codable, Sendable {
        /// Seconds from the first load to the show's start; 60 days when absent. Booking closes an hour before.
        var startsIn: Int?
        var zones: [Zone]
    }

    struct Zone: Codable, Sendable {
        var name: String
        /// Places, for general admission.
        var capacity: Int?
        /// Rows of numbered seats.
        var rows: Int?
        /// Seats in each row.
        var seatsPerRow: Int?
        var priceMinor: Int
        /// ISO 4217; THB when absent.
        var currency: String?
    }

    /// Reads and checks a file.
    /// - Throws: ``SeedError`` that names the field.
    static func read(_ path: String) throws -> SeedFile {
        guard let data = FileManager.default.contents(atPath: path) else { throw SeedError("\(path) cannot be read") }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file: SeedFile
        do {
            file = try decoder.decode(SeedFile.self, from: data)
        } catch let DecodingError.keyNotFound(key, context) {
            throw SeedError("\(path): \((context.codingPath + [key]).map(\.stringValue).joined(separator: ".")) is missing")
        } catch let DecodingError.typeMismatch(_, context) {
            throw SeedError("\(path): \(context.codingPath.map(\.stringValue).joined(separator: ".")) has the wrong type")
        } catch {
            throw SeedError("\(path) is not JSON of a catalogue")
        }
        try file.check()
        return file
    }

    func check() throws {
        for person in people ?? [] {
            guard person.email.contains("@") else { throw SeedError("people: email must be an address") }
            guard ["en", "th", nil].contains(person.locale) else { throw SeedError("people: locale must be en or th") }
        }
        for event in events {
            let limit = event.maxTicketsPerUser ?? 4
            if !(1...100).contains(limit) { throw SeedError("\(event.slug): max_tickets_per_user must be from 1 to 100") }
            for zone in event.shows.flatMap(\.zones) {
                let place = "\(event.slug), zone \(zone.name)"
                switch (zone.capacity, zone.rows, zone.seatsPerRow) {
                case (let capacity?, nil, nil): if capacity < 1 { throw SeedError("\(place): capacity must be at least 1") }
                case (nil, let rows?, let seats?):
                    if rows < 1 || seats < 1 || rows * seats > 5000 { throw SeedError("\(place): rows × seats_per_row must be from 1 to 5000") }
                default: throw SeedError("\(place): either capacity, or rows and seats_per_row, must be given")
                }
                if zone.priceMinor < 0 { throw SeedError("\(place): price_minor must not be negative") }
            }
        }
    }

    /// A UUID that follows from text alone (version 8, RFC 9562).
    static func id<Kind>(_ parts: String...) -> Identifier<Kind> {
        let digest = Array(SHA256.hash(data: Array(parts.joined(separator: "/").utf8)))
        let words = stride(from: 0, to: 16, by: 8).map { start in digest[start..<(start + 8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        return Identifier(UUIDBits(high: words[0] & ~0xf000 | 0x8000, low: words[1] & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000))
    }
}

/// A catalogue that cannot be loaded.
struct SeedError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
