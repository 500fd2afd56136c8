import Imaging
import Testing

@Suite struct MaskPictureTests {
    private func picture(_ greys: [UInt16], alpha: [UInt16]? = nil, depth: Int = 8) -> Image {
        Image(
            width: greys.count, height: 1, depth: depth, samples: greys.flatMap { [$0, $0, $0] }, alpha: alpha
        )
    }

    @Test func `from 128 of 255 on a pixel may change`() {
        let mask = MaskPicture(picture([0, 1, 127, 128, 255]))
        #expect(mask.values == [false, false, false, true, true])
        #expect(!mask.isFromAlpha && !mask.isBlack)
        #expect(
            MaskPicture(picture([0, 0x7fff, 0x8000, 0xffff], depth: 16)).values == [false, false, true, true])
    }

    @Test func `noise in a black mask frees nothing`() {
        let mask = MaskPicture(picture([0, 1, 3, 1]))
        #expect(mask.isBlack && mask.largest == 3)
    }

    @Test func `a form in the alpha channel is read from there, whatever the colours`() {
        for paint: UInt16 in [0, 255] {
            let mask = MaskPicture(picture([paint, paint, 0, 255], alpha: [255, 200, 0, 10]))
            #expect(mask.values == [true, true, false, false])
            #expect(mask.isFromAlpha)
        }
    }

    @Test func `a form in the visible colours counts, and transparent pixels stay`() {
        let mask = MaskPicture(picture([255, 0, 255], alpha: [255, 255, 0]))
        #expect(mask.values == [true, false, false] && !mask.isFromAlpha)
        let opaque = MaskPicture(picture([255, 255], alpha: [255, 255]))
        #expect(opaque.values == [true, true] && !opaque.isFromAlpha)
        #expect(MaskPicture(picture([255, 255], alpha: [0, 0])).isBlack)
    }
}
