/* A certificate request for a new key pair, signed by it.
 *
 *     request PROVIDER TYPE CONTAINER
 *
 * Leaves request.der in the current folder. */

#include <string.h>

#include "program.h"

/* Wraps a value in a tag and its length, in front of the end of a buffer; returns where it begins. */
static BYTE *wrapped(BYTE *start, DWORD length, BYTE tag)
{
    if (length >= 0x100) {
        *--start = (BYTE)length;
        *--start = (BYTE)(length >> 8);
        *--start = 0x82;
    } else if (length >= 0x80) {
        *--start = (BYTE)length;
        *--start = 0x81;
    } else {
        *--start = (BYTE)length;
    }
    *--start = tag;
    return start;
}

/* CertificationRequestInfo of RFC 2986 without attributes, for systems that do not know X509_CERT_REQUEST_TO_BE_SIGNED, such
 * as Wine. */
static BOOL WINAPI encode_request(DWORD encoding, LPCSTR type, const void *value, BYTE *encoded, DWORD *length)
{
    static const BYTE NO_ATTRIBUTES[] = {0xa0, 0};
    static const BYTE VERSION[] = {2, 1, 0};
    const CERT_REQUEST_INFO *request = value;
    BYTE buffer[4096], *end = buffer + sizeof buffer, *start = end;
    DWORD key_length = 1024, needed;
    BYTE key[1024];

    (void)type;
    if (request->cAttribute != 0 || request->Subject.cbData > 1024) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    if (!CryptEncodeObject(encoding, X509_PUBLIC_KEY_INFO, &request->SubjectPublicKeyInfo, key, &key_length))
        return FALSE;
    memcpy(start -= sizeof NO_ATTRIBUTES, NO_ATTRIBUTES, sizeof NO_ATTRIBUTES);
    memcpy(start -= key_length, key, key_length);
    memcpy(start -= request->Subject.cbData, request->Subject.pbData, request->Subject.cbData);
    memcpy(start -= sizeof VERSION, VERSION, sizeof VERSION);
    start = wrapped(start, (DWORD)(end - start), 0x30);

    needed = (DWORD)(end - start);
    if (encoded != NULL && *length < needed) {
        *length = needed;
        SetLastError(ERROR_MORE_DATA);
        return FALSE;
    }
    *length = needed;
    if (encoded != NULL)
        memcpy(encoded, start, needed);
    return TRUE;
}

/* Gives the system an encoder for requests where it has none. */
static void install_encoder(void)
{
    static const CRYPT_OID_FUNC_ENTRY ENTRY = {X509_CERT_REQUEST_TO_BE_SIGNED, (void *)encode_request};
    CERT_REQUEST_INFO nothing;
    DWORD length = 0;

    memset(&nothing, 0, sizeof nothing);
    if (!CryptEncodeObject(X509_ASN_ENCODING, X509_CERT_REQUEST_TO_BE_SIGNED, &nothing, NULL, &length) &&
        GetLastError() == ERROR_FILE_NOT_FOUND)
        must(CryptInstallOIDFunctionAddress(NULL, X509_ASN_ENCODING, CRYPT_OID_ENCODE_OBJECT_FUNC, 1, &ENTRY, 0),
             "CryptInstallOIDFunctionAddress");
}

int main(int argc, char **argv)
{
    HCRYPTPROV provider;
    HCRYPTKEY key;
    CERT_REQUEST_INFO request;
    CERT_PUBLIC_KEY_INFO *public_key;
    CRYPT_ALGORITHM_IDENTIFIER algorithm;
    BYTE *encoded;
    DWORD type, length = 0;

    must(argc == 4, "three arguments");
    install_encoder();
    type = strtoul(argv[2], NULL, 10);
    must(CryptAcquireContextA(&provider, argv[3], argv[1], type, CRYPT_NEWKEYSET), "CryptAcquireContext");
    must(CryptGenKey(provider, AT_SIGNATURE, 2048 << 16, &key), "CryptGenKey");
    must(CryptDestroyKey(key), "CryptDestroyKey");

    must(CryptExportPublicKeyInfo(provider, AT_SIGNATURE, X509_ASN_ENCODING, NULL, &length), "CryptExportPublicKeyInfo");
    public_key = room(length);
    must(CryptExportPublicKeyInfo(provider, AT_SIGNATURE, X509_ASN_ENCODING, public_key, &length), "CryptExportPublicKeyInfo");

    memset(&request, 0, sizeof request);
    request.dwVersion = CERT_REQUEST_V1;
    must(CertStrToNameW(X509_ASN_ENCODING, L"CN=asks for a certificate", CERT_X500_NAME_STR, NULL, NULL,
                        &request.Subject.cbData, NULL),
         "CertStrToName");
    request.Subject.pbData = room(request.Subject.cbData);
    must(CertStrToNameW(X509_ASN_ENCODING, L"CN=asks for a certificate", CERT_X500_NAME_STR, NULL, request.Subject.pbData,
                        &request.Subject.cbData, NULL),
         "CertStrToName");
    request.SubjectPublicKeyInfo = *public_key;

    memset(&algorithm, 0, sizeof algorithm);
    algorithm.pszObjId = type == PROV_RSA_AES ? szOID_RSA_SHA256RSA : szOID_RSA_SHA1RSA;
    length = 0;
    must(CryptSignAndEncodeCertificate(provider, AT_SIGNATURE, X509_ASN_ENCODING, X509_CERT_REQUEST_TO_BE_SIGNED, &request,
                                       &algorithm, NULL, NULL, &length),
         "CryptSignAndEncodeCertificate");
    encoded = room(length);
    must(CryptSignAndEncodeCertificate(provider, AT_SIGNATURE, X509_ASN_ENCODING, X509_CERT_REQUEST_TO_BE_SIGNED, &request,
                                       &algorithm, NULL, encoded, &length),
         "CryptSignAndEncodeCertificate");
    write_file("request.der", encoded, length);

    must(CryptReleaseContext(provider, 0), "CryptReleaseContext");
    must(CryptAcquireContextA(&provider, argv[3], argv[1], type, CRYPT_DELETEKEYSET), "CryptAcquireContext");
    return 0;
}
