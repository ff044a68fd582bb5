/*
 * A provider for tests: it writes down how each entry point was called, and fails on demand.
 *
 * Keys and hashes are numbers. A hash is the sum of its bytes, and a signature is that sum, so that
 * a program which signs and verifies gets through. The notes, the failure to come and the last
 * error belong to the thread, so that tests can run side by side.
 *
 * Compiled with PROVIDER_WITHOUT_DUPLICATES it lacks the two entry points that may be missing, and
 * with PROVIDER_WITHOUT_RANDOM one that may not.
 */
#include <stdio.h>
#include <string.h>

#include <windows.h>

#define EXPORT __attribute__((visibility("default")))
#define SIGNATURE_LENGTH 8

static __thread char notes[4096];
static __thread DWORD failure_to_come;
static __thread DWORD last_error;

/* ---- What the tests call ---- */

EXPORT const char *TestNotes(void)
{
    static __thread char copy[sizeof notes];
    memcpy(copy, notes, sizeof copy);
    notes[0] = 0;
    return copy;
}

EXPORT void TestFailNext(DWORD code)
{
    failure_to_come = code;
}

EXPORT DWORD CSPGetLastError(void)
{
    return last_error;
}

/* ---- Helpers ---- */

#define NOTE(...)                                                                             \
    do {                                                                                      \
        size_t used = strlen(notes);                                                          \
        snprintf(notes + used, sizeof notes - used, __VA_ARGS__);                             \
        used = strlen(notes);                                                                 \
        snprintf(notes + used, sizeof notes - used, "\n");                                    \
    } while (0)

#define OR_FAIL                                                                               \
    do {                                                                                      \
        if (failure_to_come != 0) {                                                           \
            last_error = failure_to_come;                                                     \
            failure_to_come = 0;                                                              \
            return FALSE;                                                                     \
        }                                                                                     \
    } while (0)

#define ARG(value) ((unsigned long)(value))

static BOOL fail(DWORD code)
{
    last_error = code;
    return FALSE;
}

static const char *presence(const void *pointer)
{
    return pointer == NULL ? "null" : "given";
}

/* Text of a UTF-16 string, each unit in hexadecimal. */
static const char *units(LPCWSTR string)
{
    static __thread char text[256];
    size_t used = 0;
    if (string == NULL)
        return "null";
    text[0] = 0;
    for (; *string != 0 && used + 6 < sizeof text; string++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%04x,", *string);
    return text;
}

/* ---- CryptoSPI ---- */

EXPORT BOOL WINAPI CPAcquireContext(HCRYPTPROV *context, LPCSTR container, DWORD flags,
                                    PVTableProvStruc table)
{
    HWND window = NULL;
    /* By way of void (*)(void), which the compiler takes for any function. */
    void (*verify_image)(void) = (void (*)(void))table->FuncVerifyImage;
    void (*return_window)(void) = (void (*)(void))table->FuncReturnhWnd;
    BOOL signed_image = ((CRYPT_VERIFY_IMAGE_A)verify_image)("image", NULL);
    ((CRYPT_RETURN_HWND)return_window)(&window);
    NOTE("CPAcquireContext container=%s flags=%lx version=%lu type=%lu name=%s info=%s/%lu "
         "verify=%d window=%lx",
         container == NULL ? "null" : container, ARG(flags), ARG(table->Version),
         ARG(table->dwProvType), table->pszProvName, presence(table->pbContextInfo),
         ARG(table->cbContextInfo), signed_image, ARG((ULONG_PTR)window));
    OR_FAIL;
    *context = 0x1001;
    return TRUE;
}

EXPORT BOOL WINAPI CPReleaseContext(HCRYPTPROV context, DWORD flags)
{
    NOTE("CPReleaseContext context=%lx flags=%lx", ARG(context), ARG(flags));
    OR_FAIL;
    return TRUE;
}

EXPORT BOOL WINAPI CPGenKey(HCRYPTPROV context, ALG_ID algid, DWORD flags, HCRYPTKEY *key)
{
    NOTE("CPGenKey context=%lx algid=%lx flags=%lx", ARG(context), ARG(algid), ARG(flags));
    OR_FAIL;
    *key = 0x2001;
    return TRUE;
}

EXPORT BOOL WINAPI CPDeriveKey(HCRYPTPROV context, ALG_ID algid, HCRYPTHASH base, DWORD flags,
                               HCRYPTKEY *key)
{
    NOTE("CPDeriveKey context=%lx algid=%lx base=%lx flags=%lx", ARG(context), ARG(algid),
         ARG(base), ARG(flags));
    OR_FAIL;
    *key = 0x2002;
    return TRUE;
}

EXPORT BOOL WINAPI CPDestroyKey(HCRYPTPROV context, HCRYPTKEY key)
{
    NOTE("CPDestroyKey context=%lx key=%lx", ARG(context), ARG(key));
    OR_FAIL;
    return TRUE;
}

EXPORT BOOL WINAPI CPSetKeyParam(HCRYPTPROV context, HCRYPTKEY key, DWORD param, const BYTE *data,
                                 DWORD flags)
{
    NOTE("CPSetKeyParam context=%lx key=%lx param=%lu data=%s flags=%lx", ARG(context), ARG(key),
         ARG(param), presence(data), ARG(flags));
    OR_FAIL;
    return TRUE;
}

EXPORT BOOL WINAPI CPGetKeyParam(HCRYPTPROV context, HCRYPTKEY key, DWORD param, BYTE *data,
                                 DWORD *length, DWORD flags)
{
    NOTE("CPGetKeyParam context=%lx key=%lx param=%lu data=%s length=%lu flags=%lx", ARG(context),
         ARG(key), ARG(param), presence(data), ARG(*length), ARG(flags));
    OR_FAIL;
    if (data != NULL)
        memset(data, 0x5a, *length);
    return TRUE;
}

EXPORT BOOL WINAPI CPSetProvParam(HCRYPTPROV context, DWORD param, const BYTE *data, DWORD flags)
{
    NOTE("CPSetProvParam context=%lx param=%lu data=%s flags=%lx", ARG(context), ARG(param),
         presence(data), ARG(flags));
    OR_FAIL;
    return TRUE;
}

EXPORT BOOL WINAPI CPGetProvParam(HCRYPTPROV context, DWORD param, BYTE *data, DWORD *length,
                                  DWORD flags)
{
    NOTE("CPGetProvParam context=%lx param=%lu data=%s length=%s flags=%lx", ARG(context),
         ARG(param), presence(data), presence(length), ARG(flags));
    OR_FAIL;
    if (param == PP_KEYSET_SEC_DESCR && length != NULL) {
        /* TRUE, the size, and a last error all the same. */
        last_error = data == NULL || *length < 40 ? ERROR_INSUFFICIENT_BUFFER : last_error;
        *length = 40;
    }
    return TRUE;
}

EXPORT BOOL WINAPI CPSetHashParam(HCRYPTPROV context, HCRYPTHASH hash, DWORD param,
                                  const BYTE *data, DWORD flags)
{
    NOTE("CPSetHashParam context=%lx hash=%lx param=%lu data=%s flags=%lx", ARG(context), ARG(hash),
         ARG(param), presence(data), ARG(flags));
    OR_FAIL;
    return TRUE;
}

static __thread BYTE sum;

EXPORT BOOL WINAPI CPGetHashParam(HCRYPTPROV context, HCRYPTHASH hash, DWORD param, BYTE *data,
                                  DWORD *length, DWORD flags)
{
    NOTE("CPGetHashParam context=%lx hash=%lx param=%lu data=%s length=%lu flags=%lx", ARG(context),
         ARG(hash), ARG(param), presence(data), ARG(*length), ARG(flags));
    OR_FAIL;
    if (data != NULL && *length < 1)
        return fail(ERROR_MORE_DATA);
    if (data != NULL)
        data[0] = sum;
    *length = 1;
    return TRUE;
}

EXPORT BOOL WINAPI CPExportKey(HCRYPTPROV context, HCRYPTKEY key, HCRYPTKEY export_key,
                               DWORD blob_type, DWORD flags, BYTE *data, DWORD *length)
{
    NOTE("CPExportKey context=%lx key=%lx export=%lx type=%lu flags=%lx data=%s length=%lu",
         ARG(context), ARG(key), ARG(export_key), ARG(blob_type), ARG(flags), presence(data),
         ARG(*length));
    OR_FAIL;
    if (data != NULL)
        memcpy(data, "blob", 4);
    *length = 4;
    return TRUE;
}

EXPORT BOOL WINAPI CPImportKey(HCRYPTPROV context, const BYTE *data, DWORD length,
                               HCRYPTKEY import_key, DWORD flags, HCRYPTKEY *key)
{
    NOTE("CPImportKey context=%lx data=%.*s import=%lx flags=%lx", ARG(context), (int)length,
         (const char *)data, ARG(import_key), ARG(flags));
    OR_FAIL;
    *key = 0x2003;
    return TRUE;
}

EXPORT BOOL WINAPI CPEncrypt(HCRYPTPROV context, HCRYPTKEY key, HCRYPTHASH hash, BOOL last,
                             DWORD flags, BYTE *data, DWORD *length, DWORD buffer)
{
    NOTE("CPEncrypt context=%lx key=%lx hash=%lx final=%d flags=%lx data=%s length=%lu buffer=%lu",
         ARG(context), ARG(key), ARG(hash), last, ARG(flags), presence(data), ARG(*length),
         ARG(buffer));
    OR_FAIL;
    return TRUE;
}

EXPORT BOOL WINAPI CPDecrypt(HCRYPTPROV context, HCRYPTKEY key, HCRYPTHASH hash, BOOL last,
                             DWORD flags, BYTE *data, DWORD *length)
{
    NOTE("CPDecrypt context=%lx key=%lx hash=%lx final=%d flags=%lx data=%s length=%lu",
         ARG(context), ARG(key), ARG(hash), last, ARG(flags), presence(data), ARG(*length));
    OR_FAIL;
    return TRUE;
}

EXPORT BOOL WINAPI CPCreateHash(HCRYPTPROV context, ALG_ID algid, HCRYPTKEY key, DWORD flags,
                                HCRYPTHASH *hash)
{
    NOTE("CPCreateHash context=%lx algid=%lx key=%lx flags=%lx", ARG(context), ARG(algid), ARG(key),
         ARG(flags));
    OR_FAIL;
    sum = 0;
    *hash = 0x3001;
    return TRUE;
}

EXPORT BOOL WINAPI CPHashData(HCRYPTPROV context, HCRYPTHASH hash, const BYTE *data, DWORD length,
                              DWORD flags)
{
    DWORD i;
    NOTE("CPHashData context=%lx hash=%lx length=%lu flags=%lx", ARG(context), ARG(hash),
         ARG(length), ARG(flags));
    OR_FAIL;
    for (i = 0; i < length; i++)
        sum = (BYTE)(sum + data[i]);
    return TRUE;
}

EXPORT BOOL WINAPI CPHashSessionKey(HCRYPTPROV context, HCRYPTHASH hash, HCRYPTKEY key, DWORD flags)
{
    NOTE("CPHashSessionKey context=%lx hash=%lx key=%lx flags=%lx", ARG(context), ARG(hash),
         ARG(key), ARG(flags));
    OR_FAIL;
    return TRUE;
}

EXPORT BOOL WINAPI CPDestroyHash(HCRYPTPROV context, HCRYPTHASH hash)
{
    NOTE("CPDestroyHash context=%lx hash=%lx", ARG(context), ARG(hash));
    OR_FAIL;
    return TRUE;
}

EXPORT BOOL WINAPI CPSignHash(HCRYPTPROV context, HCRYPTHASH hash, DWORD key_spec,
                              LPCWSTR description, DWORD flags, BYTE *signature, DWORD *length)
{
    NOTE("CPSignHash context=%lx hash=%lx spec=%lu description=%s flags=%lx signature=%s length=%lu",
         ARG(context), ARG(hash), ARG(key_spec), units(description), ARG(flags),
         presence(signature), ARG(*length));
    OR_FAIL;
    if (signature != NULL && *length < SIGNATURE_LENGTH) {
        *length = SIGNATURE_LENGTH;
        return fail(ERROR_MORE_DATA);
    }
    if (signature != NULL)
        memset(signature, sum, SIGNATURE_LENGTH);
    *length = SIGNATURE_LENGTH;
    return TRUE;
}

EXPORT BOOL WINAPI CPVerifySignature(HCRYPTPROV context, HCRYPTHASH hash, const BYTE *signature,
                                     DWORD length, HCRYPTKEY key, LPCWSTR description, DWORD flags)
{
    DWORD i;
    NOTE("CPVerifySignature context=%lx hash=%lx signature=%s length=%lu key=%lx description=%s "
         "flags=%lx",
         ARG(context), ARG(hash), presence(signature), ARG(length), ARG(key), units(description),
         ARG(flags));
    OR_FAIL;
    if (length != SIGNATURE_LENGTH)
        return fail((DWORD)NTE_BAD_SIGNATURE);
    if (signature == NULL)
        return fail(ERROR_INVALID_PARAMETER);
    for (i = 0; i < length; i++)
        if (signature[i] != sum)
            return fail((DWORD)NTE_BAD_SIGNATURE);
    return TRUE;
}

#if !defined(PROVIDER_WITHOUT_RANDOM)
EXPORT BOOL WINAPI CPGenRandom(HCRYPTPROV context, DWORD length, BYTE *buffer)
{
    NOTE("CPGenRandom context=%lx length=%lu", ARG(context), ARG(length));
    OR_FAIL;
    if (length != 0)
        memset(buffer, 4, length);
    return TRUE;
}
#endif

EXPORT BOOL WINAPI CPGetUserKey(HCRYPTPROV context, DWORD key_spec, HCRYPTKEY *key)
{
    NOTE("CPGetUserKey context=%lx spec=%lu", ARG(context), ARG(key_spec));
    OR_FAIL;
    *key = 0x2004;
    return TRUE;
}

#if !defined(PROVIDER_WITHOUT_DUPLICATES)
EXPORT BOOL WINAPI CPDuplicateKey(HCRYPTPROV context, HCRYPTKEY key, DWORD *reserved, DWORD flags,
                                  HCRYPTKEY *copy)
{
    NOTE("CPDuplicateKey context=%lx key=%lx reserved=%s flags=%lx", ARG(context), ARG(key),
         presence(reserved), ARG(flags));
    OR_FAIL;
    *copy = 0x2005;
    return TRUE;
}

EXPORT BOOL WINAPI CPDuplicateHash(HCRYPTPROV context, HCRYPTHASH hash, DWORD *reserved, DWORD flags,
                                   HCRYPTHASH *copy)
{
    NOTE("CPDuplicateHash context=%lx hash=%lx reserved=%s flags=%lx", ARG(context), ARG(hash),
         presence(reserved), ARG(flags));
    OR_FAIL;
    *copy = 0x3002;
    return TRUE;
}
#endif
