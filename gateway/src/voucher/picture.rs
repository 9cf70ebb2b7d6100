//! The QR code of a voucher as a picture.
//!
//! In: a signed text. Out: SVG (ISO/IEC 18004 symbol, medium error correction, quiet zone of four modules)
//! that a page shows at any size. It refuses text that fits no symbol.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// The picture of a text.
///
/// # Errors
/// The text is too long for any symbol.
pub fn svg(text: &str) -> anyhow::Result<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build())
}

#[cfg(test)]
mod tests {
    use super::super::token::tests::{key, token};
    use super::*;

    #[test]
    fn a_voucher_fits_a_symbol_that_a_phone_shows_and_a_letter_does_not() {
        let text = token(3).sign(&key(1));
        let code = QrCode::with_error_correction_level(&text, EcLevel::M).expect("fits");
        // Version 8 has 49 modules a side: on a phone each is over a millimetre.
        assert!(code.width() <= 49, "{} modules", code.width());
        let picture = svg(&text).expect("drawn");
        assert!(picture.starts_with("<?xml") && picture.contains("<svg"), "{picture:.80}");
        assert!(svg(&"long ".repeat(2_000)).is_err());
    }
}
