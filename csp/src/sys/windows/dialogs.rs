//! Dialogs made from templates in memory: a list to choose from, a field for a pass phrase, a text with a button to cancel.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::{io, ptr};

use windows_sys::Win32::Foundation::{HWND, LPARAM, WPARAM};
use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;
use windows_sys::Win32::System::StationsAndDesktops::{
    GetProcessWindowStation, GetUserObjectInformationW, UOI_FLAGS, USEROBJECTFLAGS,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    CreateDialogIndirectParamW, DLGTEMPLATE, DestroyWindow, DialogBoxIndirectParamW,
    DispatchMessageW, EndDialog, GWLP_USERDATA, GetDlgItem, GetDlgItemTextW, GetWindowLongPtrW,
    IDCANCEL, IDOK, IsDialogMessageW, IsWindow, MSG, PM_REMOVE, PeekMessageW, SW_SHOW,
    SendMessageW, SetDlgItemTextW, SetWindowLongPtrW, SetWindowTextW, ShowWindow, TranslateMessage,
    WM_CLOSE, WM_COMMAND, WM_INITDIALOG,
};
use zeroize::Zeroizing;

/// The window that owns a dialog, or none.
#[derive(Clone, Copy)]
pub(crate) struct Owner(HWND);

impl Owner {
    /// A window by its handle, if there is such a window: what a caller gave is only a number.
    pub(crate) fn of_handle(handle: usize) -> Owner {
        let window = handle as HWND;
        // SAFETY: IsWindow takes any number.
        match unsafe { IsWindow(window) } {
            0 => Owner(ptr::null_mut()),
            _ => Owner(window),
        }
    }
}

/// Whether windows of this process are on a desktop that somebody may see: services have another window station.
pub(crate) fn has_desktop() -> bool {
    let mut flags = USEROBJECTFLAGS {
        fInherit: 0,
        fReserved: 0,
        dwFlags: 0,
    };
    // SAFETY: the buffer is a USEROBJECTFLAGS, as long as said; the station's handle is the process's and stays open.
    let told = unsafe {
        GetUserObjectInformationW(
            GetProcessWindowStation().cast(),
            UOI_FLAGS,
            (&raw mut flags).cast(),
            size_of::<USEROBJECTFLAGS>() as u32,
            ptr::null_mut(),
        )
    };
    told != 0 && flags.dwFlags & WSF_VISIBLE != 0
}

/// WSF_VISIBLE of `winuser.h`: the window station has visible display surfaces.
const WSF_VISIBLE: u32 = 1;

/// Lets the user choose one or several of the items: their indices, or None when the dialog was closed.
///
/// # Errors
/// What the system says when there is no dialog.
pub(crate) fn choose(
    owner: Owner,
    title: &str,
    text: &str,
    items: &[String],
    several: bool,
    proposed: &[usize],
) -> Result<Option<Vec<usize>>, String> {
    let style = LBS_NOTIFY | WS_VSCROLL | WS_BORDER | WS_TABSTOP;
    let style = style | if several { LBS_MULTIPLESEL } else { 0 };
    let mut question = Question {
        title: wide(title),
        text: wide(text),
        kind: Kind::List {
            items: items.iter().map(|item| wide(item)).collect(),
            several,
            proposed: proposed.to_vec(),
            chosen: Vec::new(),
        },
    };
    let accepted = run(owner, &mut question, lines(text), LISTBOX, style, 60)?;
    match question.kind {
        Kind::List { chosen, .. } if accepted => Ok(Some(chosen)),
        _ => Ok(None),
    }
}

/// Asks for a pass phrase: None when the dialog was closed.
///
/// # Errors
/// What the system says when there is no dialog.
pub(crate) fn passphrase(owner: Owner, title: &str, text: &str) -> Result<Option<String>, String> {
    let mut question = Question {
        title: wide(title),
        text: wide(text),
        kind: Kind::Secret(Zeroizing::new(Vec::new())),
    };
    let style = ES_PASSWORD | ES_AUTOHSCROLL | WS_BORDER | WS_TABSTOP;
    let accepted = run(owner, &mut question, lines(text), EDIT, style, 14)?;
    match question.kind {
        Kind::Secret(units) if accepted => Ok(Some(String::from_utf16_lossy(&units))),
        _ => Ok(None),
    }
}

/// A window that says what is waited for, until it is dropped. It belongs to the thread that opened it.
pub(crate) struct Waiting {
    window: HWND,
    _of_this_thread: PhantomData<*const ()>,
}

impl Waiting {
    /// # Errors
    /// What the system says when there is no window.
    pub(crate) fn open(owner: Owner, title: &str, text: &str) -> Result<Waiting, String> {
        let template = Template::new(lines(text), None);
        // SAFETY: the template is whole and aligned, and the procedure gets no pointer from us.
        let window = unsafe {
            CreateDialogIndirectParamW(
                GetModuleHandleW(ptr::null()),
                template.as_ptr(),
                owner.0,
                Some(waiting_procedure),
                0,
            )
        };
        if window.is_null() {
            return Err(io::Error::last_os_error().to_string());
        }
        let (title, text) = (wide(title), wide(text));
        // SAFETY: the window was just created by this thread, and both texts end with a NUL.
        unsafe {
            SetWindowTextW(window, title.as_ptr());
            SetDlgItemTextW(window, ID_TEXT, text.as_ptr());
            ShowWindow(window, SW_SHOW);
        }
        Ok(Waiting {
            window,
            _of_this_thread: PhantomData,
        })
    }

    /// Lets the window live for a moment, and tells whether its user cancelled.
    pub(crate) fn was_cancelled(&self) -> bool {
        let mut message = MSG::default();
        // SAFETY: the message is a live local, and the window is this thread's. Only its messages and its controls' are
        // taken: the calling program's others are not ours to dispatch.
        unsafe {
            while PeekMessageW(&raw mut message, self.window, 0, 0, PM_REMOVE) != 0 {
                if IsDialogMessageW(self.window, &raw const message) == 0 {
                    TranslateMessage(&raw const message);
                    DispatchMessageW(&raw const message);
                }
            }
            GetWindowLongPtrW(self.window, GWLP_USERDATA) != 0
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // SAFETY: the window is this thread's, and nobody else destroys it.
        unsafe { DestroyWindow(self.window) };
    }
}

/// What a modal dialog asks, and where its answer goes. Texts end with a NUL.
struct Question {
    title: Vec<u16>,
    text: Vec<u16>,
    kind: Kind,
}

enum Kind {
    List {
        items: Vec<Vec<u16>>,
        several: bool,
        proposed: Vec<usize>,
        chosen: Vec<usize>,
    },
    Secret(Zeroizing<Vec<u16>>),
}

/// Shows the dialog until it is answered; whether it was.
fn run(
    owner: Owner,
    question: &mut Question,
    lines: i16,
    class: u16,
    style: u32,
    height: i16,
) -> Result<bool, String> {
    let field = Field {
        class,
        style,
        height,
    };
    let template = Template::new(lines, Some(field));
    // SAFETY: the template is whole and aligned. The parameter is the question, which outlives the call, and which nobody
    // else touches during it.
    let result = unsafe {
        DialogBoxIndirectParamW(
            GetModuleHandleW(ptr::null()),
            template.as_ptr(),
            owner.0,
            Some(question_procedure),
            ptr::from_mut(question) as LPARAM,
        )
    };
    match result {
        0 | -1 => Err(io::Error::last_os_error().to_string()),
        result => Ok(result == IDOK as isize),
    }
}

/// The dialog procedure of a modal question.
///
/// # Safety
/// Called by the system alone; `lparam` of WM_INITDIALOG is the `Question` that [`run`] passes.
unsafe extern "system" fn question_procedure(
    window: HWND,
    message: u32,
    wparam: WPARAM,
    lparam: LPARAM,
) -> isize {
    match message {
        WM_INITDIALOG => {
            // SAFETY: the parameter is the question that `run` lent to the dialog.
            unsafe {
                SetWindowLongPtrW(window, GWLP_USERDATA, lparam);
                fill(window, &*(lparam as *const Question));
            }
            1
        }
        WM_COMMAND => match (wparam & 0xffff) as i32 {
            IDOK => {
                // SAFETY: as above; the window has kept the pointer since.
                unsafe {
                    let question = GetWindowLongPtrW(window, GWLP_USERDATA) as *mut Question;
                    if let Some(question) = question.as_mut() {
                        take(window, question);
                    }
                    EndDialog(window, IDOK as isize);
                }
                1
            }
            IDCANCEL => {
                // SAFETY: the window is the dialog itself.
                unsafe { EndDialog(window, IDCANCEL as isize) };
                1
            }
            _ => 0,
        },
        _ => 0,
    }
}

/// # Safety
/// `window` is a dialog of this thread that is being opened.
unsafe fn fill(window: HWND, question: &Question) {
    // SAFETY: the window and its controls are this thread's, and all texts end with a NUL.
    unsafe {
        SetWindowTextW(window, question.title.as_ptr());
        SetDlgItemTextW(window, ID_TEXT, question.text.as_ptr());
        let Kind::List {
            items,
            several,
            proposed,
            ..
        } = &question.kind
        else {
            return;
        };
        let list = GetDlgItem(window, ID_FIELD);
        for item in items {
            SendMessageW(list, LB_ADDSTRING, 0, item.as_ptr() as LPARAM);
        }
        for index in proposed {
            match several {
                true => SendMessageW(list, LB_SETSEL, 1, *index as LPARAM),
                false => SendMessageW(list, LB_SETCURSEL, *index, 0),
            };
        }
    }
}

/// # Safety
/// `window` is a dialog of this thread.
unsafe fn take(window: HWND, question: &mut Question) {
    match &mut question.kind {
        Kind::List { items, chosen, .. } => {
            // SAFETY: the window and its controls are this thread's.
            unsafe {
                let list = GetDlgItem(window, ID_FIELD);
                *chosen = (0..items.len())
                    .filter(|index| SendMessageW(list, LB_GETSEL, *index, 0) > 0)
                    .collect();
            }
        }
        Kind::Secret(units) => {
            units.resize(PASSPHRASE_MAX, 0);
            // SAFETY: the buffer is as long as said.
            let length = unsafe {
                GetDlgItemTextW(window, ID_FIELD, units.as_mut_ptr(), PASSPHRASE_MAX as i32)
            };
            units.truncate(length as usize);
        }
    }
}

/// The dialog procedure of a window that waits; its user data becomes 1 when its user cancels.
///
/// # Safety
/// Called by the system alone.
unsafe extern "system" fn waiting_procedure(
    window: HWND,
    message: u32,
    wparam: WPARAM,
    _: LPARAM,
) -> isize {
    match message {
        WM_INITDIALOG => 1,
        WM_COMMAND if (wparam & 0xffff) as i32 == IDCANCEL => {
            // SAFETY: the window is the dialog itself.
            unsafe { SetWindowLongPtrW(window, GWLP_USERDATA, 1) };
            1
        }
        WM_CLOSE => {
            // SAFETY: the window is the dialog itself.
            unsafe { SetWindowLongPtrW(window, GWLP_USERDATA, 1) };
            1
        }
        _ => 0,
    }
}

/// The control between the text and the buttons.
struct Field {
    class: u16,
    style: u32,
    height: i16,
}

/// A DLGTEMPLATE with its controls, in words, so that it is aligned as the system wants it.
struct Template(Vec<u32>);

impl Template {
    /// A text of so many lines, a field and OK if one is wanted, and Cancel.
    fn new(lines: i16, field: Option<Field>) -> Template {
        let has_field = field.is_some();
        let inner = WIDTH - 2 * MARGIN;
        let text_height = LINE_HEIGHT * lines;
        let middle = MARGIN + text_height + MARGIN;
        let below = middle + field.as_ref().map_or(0, |field| field.height + MARGIN);
        let mut units = Units(Vec::new());
        let style = WS_POPUP | WS_CAPTION | WS_SYSMENU | DS_MODALFRAME | DS_CENTER | DS_SETFONT;
        units.dwords(&[style, 0]);
        units.words(&[if has_field { 4 } else { 2 }]);
        units.shorts(&[0, 0, WIDTH, below + BUTTON_HEIGHT + MARGIN]);
        // No menu, the usual class, no title yet; then the font.
        units.words(&[0, 0, 0, 8]);
        units.text("MS Shell Dlg");
        // Names come from cards: an ampersand in them is no mnemonic.
        let place = [MARGIN, MARGIN, inner, text_height];
        units.control(SS_NOPREFIX, STATIC, place, ID_TEXT, "");
        let button = |from_right: i16| {
            let left = WIDTH - from_right * (BUTTON_WIDTH + MARGIN);
            [left, below, BUTTON_WIDTH, BUTTON_HEIGHT]
        };
        if let Some(field) = field {
            let place = [MARGIN, middle, inner, field.height];
            units.control(field.style, field.class, place, ID_FIELD, "");
            let style = BS_DEFPUSHBUTTON | WS_TABSTOP;
            units.control(style, BUTTON, button(2), IDOK, "OK");
        }
        units.control(WS_TABSTOP, BUTTON, button(1), IDCANCEL, "Cancel");
        units.align();
        let (pairs, _) = units.0.as_chunks::<2>();
        Template(
            pairs
                .iter()
                .map(|[low, high]| u32::from(*low) | u32::from(*high) << 16)
                .collect(),
        )
    }

    fn as_ptr(&self) -> *const DLGTEMPLATE {
        self.0.as_ptr().cast::<c_void>().cast()
    }
}

/// 16-bit units of a template.
struct Units(Vec<u16>);

impl Units {
    fn words(&mut self, words: &[u16]) {
        self.0.extend_from_slice(words);
    }

    fn shorts(&mut self, shorts: &[i16]) {
        self.0.extend(shorts.iter().map(|short| *short as u16));
    }

    fn dwords(&mut self, dwords: &[u32]) {
        for dword in dwords {
            self.words(&[*dword as u16, (*dword >> 16) as u16]);
        }
    }

    fn text(&mut self, text: &str) {
        self.words(&wide(text));
    }

    /// Controls begin at multiples of four bytes.
    fn align(&mut self) {
        if self.0.len() % 2 == 1 {
            self.0.push(0);
        }
    }

    fn control(&mut self, style: u32, class: u16, place: [i16; 4], id: i32, text: &str) {
        self.align();
        self.dwords(&[style | WS_CHILD | WS_VISIBLE, 0]);
        self.shorts(&place);
        self.words(&[id as u16, 0xffff, class]);
        self.text(text);
        // No creation data.
        self.words(&[0]);
    }
}

/// How many lines a text takes, by an estimate that is rather too high; what is beyond the last one is not seen.
fn lines(text: &str) -> i16 {
    let lines = text
        .lines()
        .map(|line| line.chars().count().div_ceil(LINE_LENGTH).max(1));
    i16::try_from(lines.sum::<usize>())
        .unwrap_or(LINES_MAX)
        .clamp(1, LINES_MAX)
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

// Measures in dialog units.

/// Width of every dialog.
const WIDTH: i16 = 220;

/// Between two things, and around all.
const MARGIN: i16 = 7;

/// By the definition of the units.
const LINE_HEIGHT: i16 = 8;

const BUTTON_WIDTH: i16 = 50;
const BUTTON_HEIGHT: i16 = 14;

/// Characters that fit into a line: one is four units wide on average, by the definition of the units, and words are not cut.
const LINE_LENGTH: usize = 45;

/// So that the buttons stay on any screen.
const LINES_MAX: i16 = 20;

/// Longest pass phrase that the field takes, with its NUL, in UTF-16 units.
const PASSPHRASE_MAX: usize = 256;

const ID_TEXT: i32 = 100;
const ID_FIELD: i32 = 101;

// Classes of controls by ordinal, and styles and messages, from `winuser.h`.
const BUTTON: u16 = 0x80;
const EDIT: u16 = 0x81;
const STATIC: u16 = 0x82;
const LISTBOX: u16 = 0x83;
const SS_NOPREFIX: u32 = 0x80;
const WS_POPUP: u32 = 0x8000_0000;
const WS_CHILD: u32 = 0x4000_0000;
const WS_VISIBLE: u32 = 0x1000_0000;
const WS_CAPTION: u32 = 0x00c0_0000;
const WS_BORDER: u32 = 0x0080_0000;
const WS_VSCROLL: u32 = 0x0020_0000;
const WS_SYSMENU: u32 = 0x0008_0000;
const WS_TABSTOP: u32 = 0x0001_0000;
const DS_SETFONT: u32 = 0x40;
const DS_MODALFRAME: u32 = 0x80;
const DS_CENTER: u32 = 0x800;
const BS_DEFPUSHBUTTON: u32 = 1;
const ES_PASSWORD: u32 = 0x20;
const ES_AUTOHSCROLL: u32 = 0x80;
const LBS_NOTIFY: u32 = 1;
const LBS_MULTIPLESEL: u32 = 8;
const LB_ADDSTRING: u32 = 0x180;
const LB_SETSEL: u32 = 0x185;
const LB_SETCURSEL: u32 = 0x186;
const LB_GETSEL: u32 = 0x187;
