import RedisClient
import Testing

@Suite struct URLTests {
    @Test func everyPartIsRead() throws {
        let full = try RedisConfiguration(url: "redis://us%40er:p%3A%2Fw@cache.internal:6380/3")
        #expect(full.username == "us@er")
        #expect(full.password == "p:/w")
        #expect(full.host == "cache.internal")
        #expect(full.port == 6380)
        #expect(full.database == 3)
        let short = try RedisConfiguration(url: "redis://localhost")
        #expect(short.host == "localhost" && short.port == 6379 && short.database == 0 && short.password == nil)
        #expect(try RedisConfiguration(url: "redis://[::1]:7000/").host == "::1")
        #expect(try RedisConfiguration(url: "redis://:secret@h").username == nil)
    }

    @Test(arguments: [
        ("rediss://h", "TLS"), ("http://h", "scheme"), ("localhost:6379", "scheme"), ("redis://", "host"), ("redis://h:0", "port"),
        ("redis://h:70000", "port"), ("redis://h:x", "port"), ("redis://h/x", "database"), ("redis://h/-1", "database"),
        ("redis://u@h", "user:password"),
        ("redis://[::1", "bracket"), ("redis://u:%zz@h", "escape"), ("redis://h?ssl=1", "query"), ("redis://u:@h", "empty"),
    ])
    func wrongPartIsNamed(url: String, part: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains(part) == true)
    }

    @Test func secretIsNeverPrinted() throws {
        let configuration = try RedisConfiguration(url: "redis://user:hunter2@h")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("***"))
        }
    }
}
