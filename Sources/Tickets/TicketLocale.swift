/// A language that tickets are written in.
public enum TicketLocale: String, Sendable, CaseIterable {
    case en, th

    /// The first of an `Accept-Language` header that is one of ours, English else; weights are taken to be in order, as browsers send them.
    public init(accepting header: String?) {
        let wanted = (header ?? "").lowercased().split(separator: ",").compactMap { part in
            TicketLocale(rawValue: String(part.drop { $0 == " " }.prefix { $0.isLetter }))
        }
        self = wanted.first ?? .en
    }

    /// The words of a ticket's page, by the names that its template has for them.
    var words: [String: String] {
        switch self {
        case .en:
            [
                "t_ticket": "E-ticket", "t_when": "When", "t_where": "Where", "t_zone": "Zone", "t_seat": "Seat", "t_general": "General admission",
                "t_booking": "Booking", "t_section": "Section", "t_row": "Row", "t_number": "Seat", "t_used": "Used", "t_of": "of",
                "t_note": "Show this code at the door. It lets one person in, once: do not publish it.",
            ]
        case .th:
            [
                "t_ticket": "บัตรอิเล็กทรอนิกส์", "t_when": "วันเวลา", "t_where": "สถานที่", "t_zone": "โซน", "t_seat": "ที่นั่ง", "t_general": "ไม่ระบุที่นั่ง",
                "t_booking": "หมายเลขการจอง", "t_section": "ส่วน", "t_row": "แถว", "t_number": "เลขที่", "t_used": "ใช้แล้ว", "t_of": "จาก",
                "t_note": "โปรดแสดงรหัสนี้ที่ประตูทางเข้า หนึ่งรหัสเข้าได้หนึ่งคน หนึ่งครั้ง โปรดอย่าเผยแพร่รหัสนี้",
            ]
        }
    }
}
