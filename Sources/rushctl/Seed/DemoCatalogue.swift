extension SeedFile {
    /// What `ops/run` shows: a concert with a numbered balcony, a derby with two stands, and a club that sells out at once.
    static let demo = SeedFile(
        tenant: .init(slug: "riverside", name: "Riverside Live"), category: .init(slug: "music", name: "Music"),
        venue: .init(name: "Riverside Hall", city: "Bangkok", country: "TH", timeZone: "Asia/Bangkok"),
        people: [
            .init(email: "alice@example.com", name: "Alice Example", locale: "en"),
            .init(email: "somchai@example.com", name: "สมชาย ใจดี", locale: "th"),
        ],
        events: [
            .init(
                slug: "midnight-rush", title: "Midnight Rush", description: "One night, two shows, five thousand places.", maxTicketsPerUser: 4,
                shows: [
                    .init(
                        zones: [
                            .init(name: "Floor", capacity: 5000, priceMinor: 150_000),
                            .init(name: "Balcony", rows: 10, seatsPerRow: 20, priceMinor: 250_000),
                        ]),
                    .init(startsIn: 61 * 86_400, zones: [.init(name: "Floor", capacity: 5000, priceMinor: 150_000)]),
                ]),
            .init(
                slug: "city-derby", title: "City Derby", description: "The match of the year.", maxTicketsPerUser: 6,
                shows: [
                    .init(
                        zones: [
                            .init(name: "North Stand", capacity: 20_000, priceMinor: 60_000),
                            .init(name: "South Stand", capacity: 20_000, priceMinor: 60_000),
                        ])
                ]),
            .init(
                slug: "small-room", title: "Small Room", description: "Ten places. Be quick.", maxTicketsPerUser: 2, minAge: 20,
                shows: [.init(zones: [.init(name: "Room", capacity: 10, priceMinor: 80_000)])]),
        ])
}
