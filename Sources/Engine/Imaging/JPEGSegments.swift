/// The marker segments of a JPEG before its first scan (ITU-T T.81, annex B).
struct JPEGSegments: Sequence, IteratorProtocol {
    struct Segment {
        let marker: UInt8
        let data: ArraySlice<UInt8>
    }

    private let bytes: [UInt8]
    private var at = 2

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> Segment? {
        while at + 3 < bytes.count {
            guard bytes[at] == 0xff, bytes[at + 1] != 0xff, bytes[at + 1] != 0 else {
                at += 1
                continue
            }
            let marker = bytes[at + 1]
            if marker == 0x01 || (0xd0...0xd8).contains(marker) {
                at += 2
                continue
            }
            let length = Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
            guard marker != 0xd9, marker != 0xda, length >= 2, at + 2 + length <= bytes.count else {
                return nil
            }
            let data = bytes[at + 4..<at + 2 + length]
            at += 2 + length
            return Segment(marker: marker, data: data)
        }
        return nil
    }

    /// Reads the parts beside the samples.
    static func read(_ bytes: [UInt8], into found: inout FoundMetadata) {
        var parts = ProfileParts()
        for segment in JPEGSegments(bytes) {
            let data = segment.data
            func begins(_ text: String) -> Bool { data.starts(with: Array(text.utf8)) }
            switch segment.marker {
            case 0xe0 where begins("JFIF\0"):
                guard let unit = data.number(at: 7, count: 1), let x = data.number(at: 8, count: 2),
                    let y = data.number(at: 10, count: 2)
                else { continue }
                found.density = PixelDensity(
                    x: x, y: y, unit: unit == 1 ? .inch : unit == 2 ? .centimetre : .none)
            case 0xe0 where begins("JFXX\0"): continue  // a preview of the same picture
            case 0xe1 where begins("Exif\0"): found.add(exif: data.dropFirst(6))
            case 0xe1:
                if let packet = data.afterXMPHeader { found.xmp = packet } else { found.note(other: "APP1") }
            case 0xe2 where begins("ICC_PROFILE\0"): parts.add(data.dropFirst(12))
            case 0xe2 where begins("MPF\0"): found.hasFurtherPictures = true
            case 0xed where begins("Photoshop 3.0\0"): found.hasIPTC = true
            case 0xee where begins("Adobe"): continue  // decoded with the samples
            case 0xe0...0xef: found.note(other: "APP\(segment.marker - 0xe0)")
            case 0xfe: found.hasComment = true
            default: continue
            }
        }
        (found.colours.profile, found.profileFault) = parts.joined
    }

    /// A frame header (ITU-T T.81, B.2.2).
    struct Frame {
        let marker: UInt8
        /// Bits a sample.
        let precision: Int
        /// Rows, 0 where a marker behind the samples has their number; columns.
        let height, width: Int
        let components: Int
    }

    /// The frame header; nil where there is none.
    static func frame(_ bytes: [UInt8]) -> Frame? {
        for segment in JPEGSegments(bytes) {
            let isFrame =
                (0xc0...0xcf).contains(segment.marker) && ![0xc4, 0xc8, 0xcc].contains(segment.marker)
            guard isFrame || segment.marker == 0xf7, let precision = segment.data.number(at: 0, count: 1),
                let height = segment.data.number(at: 1, count: 2),
                let width = segment.data.number(at: 3, count: 2),
                let components = segment.data.number(at: 5, count: 1)
            else { continue }
            return Frame(
                marker: segment.marker, precision: precision, height: height, width: width,
                components: components)
        }
        return nil
    }
}

/// The parts of an ICC profile in a JPEG. Each has its number, from 1, and the number of all (ICC.1:2010, annex B.4).
private struct ProfileParts {
    private var parts: [Int: ArraySlice<UInt8>] = [:]
    private var count: Int?
    private var fault: String?

    mutating func add(_ part: ArraySlice<UInt8>) {
        guard let number = part.number(at: 0, count: 1), let count = part.number(at: 1, count: 1) else {
            fault = fault ?? "a part of it has no number"
            return
        }
        if self.count ?? count != count { fault = fault ?? "its parts disagree how many there are" }
        if number == 0 || number > count {
            fault = fault ?? "a part of it has the number \(number) of \(count)"
        }
        if parts[number] != nil { fault = fault ?? "part \(number) of it is there twice" }
        self.count = count
        parts[number] = part.dropFirst(2)
    }

    var joined: (profile: [UInt8], fault: String?) {
        guard let count else { return ([], fault) }
        if let fault { return ([], fault) }
        guard parts.count == count else {
            return ([], "\(count - parts.count) of its \(count) parts are missing")
        }
        return ((1...count).flatMap { parts[$0] ?? [] }, nil)
    }
}
