import DragEditing
import Failures
import Imaging
import Settings
import SpecParser
import YAMLDocuments

/// A mask from a picture that a spec names.
struct MaskFile {
    /// The mask, in the size of the edited picture.
    let mask: EditMask
    /// Remarks on the way in which the picture became a mask.
    let notes: [String]

    /// Reads a mask picture.
    ///
    /// - Parameters:
    ///   - name: its name in the spec, at `mark`.
    ///   - image: the picture to edit.
    /// - Throws: `spec.mask_size` unless the mask is as large as the picture or a whole multiple of it; `spec.empty_mask`
    ///   when it frees nothing.
    init(_ picture: Image, named name: String, at mark: SourceMark, in parsed: ParsedSpec, for image: Image)
        throws(Failure)
    {
        let read = MaskPicture(picture)
        let scale = try parsed.maskScale(
            name, at: mark, of: (read.width, read.height), on: (image.width, image.height))
        guard !read.isBlack else {
            let channel = read.isFromAlpha || picture.alpha != nil ? "value or opacity" : "value"
            throw parsed.error(
                "spec.empty_mask",
                "the mask \(name) is black everywhere: its largest \(channel) is \(read.largest) of 255",
                at: mark,
                do:
                    "White may change: paint that part with \(MaskPicture.threshold) or more. Without `mask` all may change."
            )
        }
        let whole = EditMask(size: Size(height: read.height, width: read.width), values: read.values)
        mask = scale == 1 ? whole : whole.resized(to: Size(height: image.height, width: image.width))
        var notes: [String] = []
        if scale > 1 {
            notes.append(
                "the mask \(name) has \(scale) times the picture's size (\(read.width)×\(read.height)): it is scaled"
            )
        }
        if read.isFromAlpha {
            notes.append("the mask \(name) has its form in its alpha channel: what is opaque may change")
        }
        self.notes = notes
    }
}

extension OutputOptions.Filled {
    /// The format of a picture's result.
    func pictureFormat(of image: Image) -> Image.Format {
        switch format {
        case .same: image.format
        case .png: .png
        case .jpeg: .jpeg
        }
    }
}
