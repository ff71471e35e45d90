/* special_words.c - the small words that say whether a sentence is about somebody. Pure data.
 *
 * Folded as the normaliser folds text: no accents, lower case. Looked up as whole words.
 */
#include "policy/policy.h"
#include "policy/words/terms.h"

const struct pol_small_words pol_small_words[] = {
    {"he|she|him|patient|employee|colleague|coworker|client|applicant|candidate|wife|husband"
     "|son|daughter|mother|father|brother|sister|boss|neighbour|neighbor|student|pupil|tenant|"
     "defendant|claimant|plaintiff|suspect|witness|nurse|teacher|manager|friend|cousin|uncle|aunt|"
     "worker|customer|prisoner|inmate|offender",
     WORD_SUBJECT},
    {"er|sie|ihm|patientin|patienten|mitarbeiter|mitarbeiterin|kollege|kollegin|kunde|kundin|"
     "bewerber|bewerberin|schuler|schulerin|mieter|mieterin|angeklagte|angeklagter|klager|klagerin|"
     "beklagte|beklagter|zeuge|zeugin|mutter|vater|bruder|schwester|tochter|sohn|nachbar|nachbarin|"
     "chef|chefin|lehrer|lehrerin|freund|freundin|ehefrau|ehemann|versicherte|versicherter",
     WORD_SUBJECT},
    {"il|elle|patiente|salarie|salariee|employe|employee|collegue|voisin|voisine|eleve|accuse|"
     "accusee|prevenu|prevenue|locataire|mari|femme|fils|fille|mere|pere|frere|soeur|candidat|"
     "candidate|temoin|cliente|ami|amie|demandeur|demanderesse|assure|assuree",
     WORD_SUBJECT},
    {"lui|lei|paziente|dipendente|collega|imputato|imputata|moglie|marito|figlio|figlia|madre|padre"
     "|fratello|sorella|vicino|vicina|candidato|candidata|inquilino|inquilina|alunno|alunna|"
     "cliente|"
     "lavoratore|lavoratrice|testimone|amico|amica|indagato|indagata",
     WORD_SUBJECT},
    {"el|ella|paciente|empleado|empleada|companero|companera|acusado|acusada|esposa|esposo|marido|"
     "hijo|hija|hermano|hermana|vecino|vecina|candidato|alumno|alumna|trabajador|trabajadora|"
     "testigo|jefe|jefa|amigo|inquilino|demandante|demandado|investigado",
     WORD_SUBJECT},
    {"on|ona|pacjent|pacjentka|pacjenta|pacjentki|pracownik|pracownica|pracownika|pan|pani|pana|"
     "panu|"
     "pania|panem|oskarzony|oskarzona|powod|powodka|powoda|powodki|pozwany|pozwana|swiadek|"
     "wnioskodawca|wnioskodawczyni|sprawca|pracownikiem|ubezpieczona|ubezpieczony|skazany|skazana|"
     "matka|ojciec|brat|siostra|syn|corka|zona|maz|sasiad|sasiadka|kolega|kolezanka|uczen|"
     "uczennica|"
     "klient|klientka|najemca|podejrzany|podejrzana|niego|niej|niemu|jemu|kandydat|kandydatka",
     WORD_SUBJECT},
    {"hij|zij|ze|patient|werknemer|werkneemster|collega|buurman|buurvrouw|verdachte|leerling|klant|"
     "huurder|moeder|vader|broer|zus|dochter|zoon|echtgenoot|echtgenote|sollicitant|getuige|"
     "vriend|vriendin|client",
     WORD_SUBJECT},
    {"ele|ela|paciente|funcionario|funcionaria|colega|arguido|arguida|esposa|marido|filho|filha|"
     "mae|"
     "pai|irmao|irma|vizinho|vizinha|candidato|aluno|aluna|trabalhador|trabalhadora|testemunha|"
     "amigo|amiga|inquilino|reu|cliente",
     WORD_SUBJECT},
    {"han|hon|hun|patienten|kollega|kollegan|kollegaen|anstallde|medarbetaren|medarbejderen|"
     "klienten|pasienten|grannen|naboen|eleven|tilltalade|mamma|pappa|mor|far|bror|syster|soster|"
     "datter|dotter|sohn|kunden|vittnet|vidnet",
     WORD_SUBJECT},
    {"ona|pacient|pacientka|zamestnanec|zamestnankyne|kolega|kolegyne|obzalovany|obzalovana|"
     "zalobce|"
     "zalobkyne|svedek|soused|sousedka|manzel|manzelka|matka|otec|bratr|sestra|dcera|klient|"
     "klientka|uchazec|zak|zakyne|najemce",
     WORD_SUBJECT},
    {"ea|pacientul|pacienta|angajatul|angajata|colegul|colega|inculpatul|inculpata|sotia|sotul|"
     "fiul|fiica|mama|tata|fratele|sora|vecinul|vecina|clientul|clienta|elevul|eleva|martorul|"
     "reclamantul|paratul|domnul|doamna",
     WORD_SUBJECT},
    {"han|potilas|tyontekija|kollega|asiakas|vaimoni|miesheni|aiti|isa|veli|sisko|oppilas|"
     "en|o|a beteg|paciens|dolgozo|kollegam|felesegem|ferjem|anyam|apam|ugyfel|vadlott|tanu",
     WORD_SUBJECT},
    {"i|ich|je|j|io|yo|ja|ik|jag|jeg|eu|mina|im", WORD_SUBJECT | WORD_SELF},
    {"my|mein|meine|meiner|meinem|mon|ma|mio|mia|mi|mis|moj|moja|mojej|mijn|meu|minha|mitt|muj|"
     "moje|"
     "mea|mir|mnie",
     WORD_OWNER | WORD_COPULA | WORD_SELF},
    {"his|her|ihr|ihre|ihrer|sein|seine|seiner|son|sa|ses|suo|sua|su|sus|jego|jej|haar|zijn|seu|"
     "sua|"
     "hans|hennes|hendes|jeho|jeji|lui|ei",
     WORD_OWNER | WORD_COPULA},
    {"what|how|which|why|explain|define|describe|was|wie|warum|erklare|que|quels|quelles|comment|"
     "pourquoi|cosa|come|quali|perche|cuales|como|jakie|jak|czym|co|dlaczego|wat|hoe|waarom|"
     "percent|"
     "study|studie|etude|studio|estudio|badanie|statistics|symptoms|people|citizens|generally|"
     "aggregate|vad|hur|varfor|hvad|hvordan|hvorfor|jak|proc|ce|cum|mikä|miten|statistik|prozent|"
     "who|whose|when|welche|welcher|welches|wer|wann|wieviele|wieviel|quel|quelle|combien|quand|"
     "quanti|quanto|quando|qual|quale|quais|quantos|cual|cuanto|cuantos|quien|cuando|welke|hoeveel|"
     "wie|wanneer|ile|kiedy|ktory|ktora|ktore|jaki|jaka|jaky|jaka|ktere|ktera|kolik|kdy|proc|care|"
     "cate|cati|cine|cand|unde|vilka|vilken|nar|hvilke|hvilken|hvornar|milyen|hogyan|mi|miert|"
     "mennyi|hany|melyik|mikor|hol|mely|levonhato|"
     "percentage|epidemiology|worldwide|prevalence|objawy|symptome|symptomes|sintomi|sintomas",
     WORD_GENERAL},
    {"is|was|am|are|has|had|have|being|been|came|told|says|said|carries|got|as|to|tested|became|"
     "remains|identifies|openly|ist|war|bin|hat|habe|hatte|wurde|wird|als|wegen|gilt|blieb|"
     "est|etait|suis|ai|a|comme|pour|devenu|devenue|e|era|sono|ho|ha|per|stato|stata|"
     "es|soy|tiene|tengo|era|fue|porque|por|esta|estaba|jest|byl|byla|jestem|ma|mam|zostal|zostala|"
     "jako|za|o|bedzie|sei|heeft|ben|heb|van|werd|had|har|ar|var|blev|er|esta|foi|tem|sou|tenho|"
     "je|jsem|mel|mela|este|sunt|are|fost|avea|on|oli|olen|van|volt|vagyok|declares|declared|"
     "admitted|disclosed|revealed|ujawnil|ujawnila|deklaruje",
     WORD_COPULA},
};
const size_t pol_small_words_n = sizeof(pol_small_words) / sizeof(pol_small_words[0]);
