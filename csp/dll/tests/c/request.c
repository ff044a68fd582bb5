/* A certificate request for a new key pair, signed by it.
 *
 *     request PROVIDER TYPE CONTAINER
 *
 * Leaves request.der in the current folder. */

#include <string.h>

#include "program.h"

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
