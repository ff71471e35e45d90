/* special_terms.c - terms of the special categories (GDPR Art. 9) and of Art. 10. Pure data.
 *
 * By category, then by kind (special.h), then by language: en de fr it es pl nl pt sv/da/no cs/sk
 * ro, a few fi hu. A word alone is never a finding: special.c looks for somebody it is said of.
 * '*' at the end of a word takes inflection and compounds.
 */
#include "policy/policy.h"
#include "policy/words/terms.h"

#define PRED(type, words)                                                                          \
    {                                                                                              \
        words, TERM_PRED, type, 0                                                                  \
    }
#define FACT(type, words)                                                                          \
    {                                                                                              \
        words, TERM_FACT, type, 0                                                                  \
    }
#define LABEL(type, words)                                                                         \
    {                                                                                              \
        words, TERM_LABEL, type, 0                                                                 \
    }
#define CLIN(words)                                                                                \
    {                                                                                              \
        words, TERM_CLIN, POL_SPECIAL_HEALTH, 0                                                    \
    }

const struct pol_terms pol_terms[] = {
    /* ---- health: predicates ---- */
    PRED(POL_SPECIAL_HEALTH,
         "diagnosed with|suffers from|suffer from|suffering from|suffered from|being treated "
         "for|was "
         "treated for|undergoing chemotherapy|undergoing treatment for|on sick leave|on medical "
         "leave|"
         "tested positive for|is allergic to|am allergic to|has a history of|was hospitalised|was "
         "hospitalized|was prescribed|is taking medication|underwent surgery|had surgery for|had a "
         "miscarriage|had an abortion|is in rehab|has been sick with"),
    PRED(
        POL_SPECIAL_HEALTH,
        "leidet an|leidet unter|leide an|leide unter|litt an|litt unter|erkrankt an|erkrankte an|"
        "erkrankt ist an|in behandlung wegen|wegen depression*|krankgeschrieben|diagnostiziert mit|"
        "wurde diagnostiziert|ist schwerbehindert|hat eine fehlgeburt|hatte eine "
        "fehlgeburt|allergisch "
        "gegen|arbeitsunfähig wegen|in psychotherapeutischer behandlung|in therapie wegen|nimmt "
        "medikamente"),
    PRED(
        POL_SPECIAL_HEALTH,
        "atteint de|atteinte de|atteint d'|atteinte d'|atteint du|atteinte du|souffre de|souffre "
        "d'|"
        "souffre du|souffrait de|souffrait d'|traité pour|traitée pour|soigné pour|soignée pour|en "
        "arrêt maladie|diagnostiqué|diagnostiquée|hospitalisé pour|hospitalisée pour|allergique à|"
        "reconnu travailleur handicapé|reconnue travailleuse handicapée|a fait une fausse couche"),
    PRED(POL_SPECIAL_HEALTH,
         "affetto da|affetta da|soffre di|soffre d'|soffriva di|malato di|malata di|in cura per|in "
         "congedo per|in malattia per|gli è stato diagnosticato|le è stato diagnosticato|gli è "
         "stata "
         "diagnosticata|le è stata diagnosticata|diagnosticato un|ricoverato per|ricoverata per|"
         "allergico a|allergica a|operato di|operata di"),
    PRED(
        POL_SPECIAL_HEALTH,
        "padece|padece de|sufre de|sufre una|sufría de|diagnosticado con|diagnosticada con|"
        "diagnosticado de|diagnosticada de|le diagnosticaron|de baja médica|de baja por|enfermo de|"
        "enferma de|ingresado por|ingresada por|alérgico a|alérgica a|en tratamiento por|operado "
        "de|"
        "operada de"),
    PRED(
        POL_SPECIAL_HEALTH,
        "choruje na|chorował na|chorowała na|choruję na|cierpi na|cierpię na|cierpiał na|cierpiała "
        "na|"
        "chora na|chory na|zdiagnozowano|zdiagnozowany|zdiagnozowana|rozpoznano|leczy się|leczył "
        "się|"
        "leczyła się|leczony na|leczona na|leczony z powodu|leczona z powodu|leczę się|stwierdzono "
        "u|"
        "stwierdzono u niego|przebywa na zwolnieniu|przebywał na zwolnieniu|przebywała na "
        "zwolnieniu|"
        "hospitalizowany|hospitalizowana|przyjmuje leki|pozostaje pod opieką|pozostaje pod stałą "
        "opieką|korzysta z rehabilitacji|rehabilitacji po|na zwolnieniu lekarskim|zwolnieniu z "
        "powodu|przeszedł operacj*|przeszła operacj*|orzeczenie o niepełnosprawności|orzeczeniem o "
        "niepełnosprawności|udarze mózgu|po udarze|jest leczony|jest leczona|poddał się leczeniu|"
        "poddała się leczeniu|uzależniony od alkoholu|uzależniona od alkoholu|uzależniony od "
        "narkotyków|uzależniona od narkotyków|uzależniony od leków|uzależniona od leków|uczulony "
        "na|"
        "uczulona na|przebył zawał|przebyła zawał|porusza się na wózku|epizodu depresyjnego"),
    PRED(POL_SPECIAL_HEALTH,
         "lijdt aan|leed aan|gediagnosticeerd met|onder behandeling voor|onder behandeling wegens|"
         "ziekgemeld|ziek gemeld|arbeidsongeschikt|opgenomen wegens|opgenomen met|allergisch "
         "voor|heeft "
         "een burn-out|kampt met|herstelt van"),
    PRED(
        POL_SPECIAL_HEALTH,
        "sofre de|sofria de|padece de|diagnosticado com|diagnosticada com|foi-lhe diagnosticad*|de "
        "baixa médica|de baixa por|doente com|internado por|internada por|internado com|internada "
        "com|"
        "alérgico a|alérgica a|em tratamento por|em tratamento de|operado a|operada a|sofreu um "
        "avc"),
    PRED(POL_SPECIAL_HEALTH,
         "lider av|led av|diagnostiserats med|diagnosticerats med|diagnosticerad "
         "med|diagnosticeret med|"
         "diagnostisert med|sjukskriven för|sjukskriven på grund av|sygemeldt med|sygemeldt på "
         "grund|"
         "sykmeldt med|sykmeldt for|behandlas för|behandles for|allergisk mot|allergisk over for|"
         "opereret for|opererades för|lider af|led af"),
    PRED(
        POL_SPECIAL_HEALTH,
        "trpí|trpěl|trpěla|onemocněl|onemocněla|léčí se|léčil se|léčila se|byla mu "
        "diagnostikován*|byl "
        "jí diagnostikován*|diagnostikovali mu|diagnostikovali jí|je v pracovní neschopnosti|"
        "hospitalizován s|hospitalizována s|alergický na|alergická na|má diagnostikován*|liečil sa|"
        "liečila sa|lieči sa|ochorel na|ochorela na"),
    PRED(POL_SPECIAL_HEALTH,
         "suferă de|suferea de|a fost diagnosticat|a fost diagnosticată|diagnosticat "
         "cu|diagnosticată cu|"
         "bolnav de|bolnavă de|în concediu medical|internat cu|internată cu|tratat pentru|tratată "
         "pentru|alergic la|alergică la|operat de|operată de"),
    PRED(POL_SPECIAL_HEALTH, "sairastaa|kärsii|on sairauslomalla|todettiin hänellä|szenved|beteg "
                             "lett|diagnosztizáltak nála|betegállományban van"),
    /* ---- health: facts ---- */
    FACT(POL_SPECIAL_HEALTH,
         "hiv positive|hiv-positive|pregnant|disabled|wheelchair "
         "user|diabetic|epileptic|schizophrenic|"
         "bipolar|alcoholic|addicted to alcohol|addicted to drugs|addicted to heroin|addicted to "
         "cocaine|drug addict|miscarriage|terminally ill|suicidal|autistic|dyslexic|infertile|"
         "in remission|overweight|obese|deaf|blind in|paralysed|paralyzed|on antidepressants"),
    FACT(POL_SPECIAL_HEALTH,
         "schwanger|schwerbehindert|schwerbehinderung|behinderung|hiv-positiv|hiv positiv|"
         "alkoholabhängig|drogenabhängig|suchtkrank|depressiv|querschnittsgelähmt|suizidgefährdet|"
         "schwerbehindertenausweis|grad der behinderung|pflegebedürftig|gehörlos|autistisch"),
    FACT(POL_SPECIAL_HEALTH,
         "enceinte|séropositif|séropositive|handicapé|handicapée|diabétique|dépressif|dépressive|"
         "épileptique|alcoolique|toxicomane|invalidité|suicidaire|incinta|disabile|sieropositivo|"
         "sieropositiva|diabetico|diabetica|epilettico|epilettica|alcolista|tossicodipendente|"
         "invalidità|depresso|depressa"),
    FACT(POL_SPECIAL_HEALTH,
         "embarazada|discapacidad|seropositivo|seropositiva|diabético|diabética|epiléptico|"
         "epiléptica|"
         "alcohólico|alcohólica|toxicómano|drogadicto|deprimido|deprimida|grávida|seropositivo|"
         "deficiência|toxicodependente|alcoólico|alcoólica|deprimido|w ciąży|niepełnosprawn*|"
         "zakażony hiv|zakażona hiv|nosicielem hiv|nosicielką "
         "hiv|alkoholikiem|alkoholiczką|inwalidą|"
         "inwalidką|narkomanem|narkomanką|niepełnosprawności"),
    FACT(
        POL_SPECIAL_HEALTH,
        "zwanger|gehandicapt|hiv-positief|hiv positief|alcoholist|verslaafd "
        "aan|depressief|suïcidaal|"
        "burn-out|gravid|funktionsnedsättning|hivpositiv|hiv-smittad|alkoholist|narkoman|gravid|"
        "handikappet|funksjonshemmet|těhotná|invalidní|hiv pozitivní|alkoholik|závislý na alkoholu|"
        "závislá na alkoholu|zdravotně postižen*|însărcinată|gravidă|handicap|seropozitiv|"
        "seropozitivă|alcoolic|alcoolică|dependent de alcool|raskaana|vammainen|terhes|rokkant"),
    /* ---- health: names of illnesses, in word stems that many languages share ---- */
    CLIN(
        "diabet*|cukrzyc*|cukrovk*|zuckerkrank*|sukkersyge|cukorbeteg*|hypertens*|hipertens*|"
        "ipertens*|"
        "nadciśnieni*|bluthochdruck|hoge bloeddruk|high blood pressure|högt blodtryck|vysoký "
        "krevní "
        "tlak|hipertonie|asthma*|asthme|asma|astma|astmą|astmę|astmy|depression*|depresj*|depresi*|"
        "dépression*|depressione|major depressive disorder|schizo*|esquizofreni*|epilep*|padaczk*|"
        "parkinson*|alzheimer*|dementia|demenz|démence|demenza|demencia|demência|demencj*|dementie|"
        "demenc*|demens|cancer|cáncer|cancro|krebs|brustkrebs|lungenkrebs|kanker|borstkanker|"
        "rakovin*|"
        "nowotwor*|nowotwór|raka piersi|raka "
        "płuc|raka|tumour|tumor|tumore|tumeur|leukaemia|leukemia|"
        "leukämie|leucémie|leucemia|białaczk*|leukemie|lymphom*|linfoma|lymfom*|chłoniak*|melanom*|"
        "czerniak*|karzinom*|carcinom*|karcinom*"),
    CLIN(
        "bipolar disorder|bipolare störung|trouble bipolaire|disturbo bipolare|trastorno bipolar|"
        "chorob* dwubiegunow*|choroba dwubiegunowa|bipolaire stoornis|anxiety "
        "disorder|angststörung|"
        "troubles anxieux|disturbo d'ansia|trastorno de ansiedad|zaburzenia lękowe|angststoornis|"
        "hiv|aids|hepatit*|hépatite*|epatite|zapalenie wątroby|żółtaczk*|zoltaczk*|multiple "
        "sclerosis|"
        "multiple sklerose|multipler sklerose|sclérose en plaques|sclerosi multipla|esclerosis "
        "múltiple|esclerose múltipla|stwardnienie rozsiane|stwardnienia rozsianego|multipel "
        "skleros|"
        "roztroušená skleróza|scleroză multiplă|schlaganfall|ictus|accident vasculaire|udar mózgu|"
        "udaru mózgu|beroerte|slaganfall|mrtvice|infarct|infarto|infarkt*|herzinfarkt|heart attack|"
        "infarctus|zawał*|heart failure|herzinsuffizienz|insuffisance cardiaque|scompenso cardiaco|"
        "insuficiencia cardiaca|niewydolność serca|niewydolności serca|hartfalen|kidney disease|"
        "kidney failure|nierenversagen|niereninsuffizienz|insuffisance rénale|insufficienza renale|"
        "insuficiencia renal|niewydolność nerek|nierfalen"),
    CLIN("hypothyro*|hyperthyro*|hipotiroid*|ipotiroid*|niedoczynność "
         "tarczycy|migraine*|migräne|migren*|"
         "emicrania|migraña|enxaqueca|arthrit*|artrit*|arthros*|artros*|osteoarthr*|osteopor*|"
         "bronchit*|bronquit*|zapalenie oskrzeli|copd|obstructive pulmonary|pochp|bpco|fibrillat*|"
         "fibrilla*|vorhofflimmern|migotanie "
         "przedsionków|reflux|reflusso|reflujo|refluks|autis*|adhd|"
         "borderline*|anorex*|bulim*|ptsd|posttraumat*|burnout|tuberkul*|tubercul*|gruźlic*|crohn*|"
         "lupus|fibromyalg*|covid*|pneumonia|lungenentzündung|pneumonie|polmonite|neumonía|"
         "zapalenie "
         "płuc|longontsteking|herpes|syphilis|syfilis|gonorr*|chlamyd*|endometrios*|psoria*|"
         "psoriasis|"
         "łuszczyc*|neurodermit*|zwyrodnieni*|przewlekł* chor*|łagodny przerost|celiac*|coeliac*|"
         "zöliakie|celiaqu*|celiak*|glaucom*|glaukom|cirrhos*|zirrhose|marskość|anemia|anämie|"
         "anémie|"
         "hyperlipid*|hypercholest*|gastrit*|appendicit*|pancreatit*|nephrit*|dermatit*|eczema|"
         "ekzem|"
         "neuropath*|sepsis|thrombos*|trombos*|embol*|angina pectoris|rheumat*|reumat*"),
    CLIN("dyskopat*|discopath*|discopat*|herniated|slipped disc|bandscheibenvorfall|"
         "hernie discale|ernia del disco|hernia discal|hérnia discal|zespół bólowy|"
         "zespołu bólowego|kręgosłup*|niedoczynność|niewydolność|schorzenie|schorzenia|"
         "bone fracture|rak piersi|rak płuc|spondyl*|skolios*|scolios*"),
    CLIN("chemotherap*|chimiothérapie|chemioterap*|quimioterapia|chemoterap*|cytostatika|"
         "radiotherap*|"
         "strahlentherapie|dialys*|dializ*|dialisi|hemodial*|transplant*|przeszczep*|abortion|"
         "schwangerschaftsabbruch|avortement|aborto|aborcj*|fehlgeburt|fausse couche|poronieni*|"
         "electrocardiogra*|echocardiogra*|ekg|colonoscop*|koloskop*|kolonoskop*|darmspiegelung|"
         "coloscopie|mri|mrt|ct scan|irm|tomogra*|x-ray|chest x-ray|röntgen*|metabolic panel|blood "
         "count|bone density|pulmonary function|ultrasound|ultraschall|biops*|biopti*|endoscop*|"
         "mammogra*|angiogra*|psychotherap*|psychiatr*|antidepress*|cholesterol|lipid panel|"
         "urinalysis|stress test|sleep study|hba1c|viral load|psa test"),
    CLIN(
        "metformin*|insulin*|insulina|lisinopril|ramipril|enalapril|losartan|valsartan|candesartan|"
        "amlodipin*|metoprolol|bisoprolol|atenolol|atorvastatin*|simvastatin*|rosuvastatin*|"
        "omeprazol*|pantoprazol*|levothyroxin*|l-thyroxin|euthyrox|sertralin*|fluoxetin*|"
        "citalopram|"
        "escitalopram|venlafaxin*|mirtazapin*|quetiapin*|olanzapin*|risperidon*|lithium carbonate|"
        "diazepam|lorazepam|alprazolam|gabapentin*|pregabalin*|tramadol|morphin*|oxycodon*|"
        "fentanyl|"
        "methadon*|buprenorphin*|prednison*|prednisolon*|albuterol|salbutamol|amoxicillin*|"
        "azithromycin*|doxycyclin*|ciprofloxacin*|warfarin*|marcumar|apixaban|rivaroxaban|"
        "clopidogrel|hydrochlorothiazid*|furosemid*|methotrexat*|adalimumab|tamoxifen|truvada|"
        "antiretroviral*|methylphenidat*|ritalin*|concerta|xanax|prozac|zoloft"),
    {"*mg|*mcg|*ug|*iu", TERM_DOSE, POL_SPECIAL_HEALTH, 0},
    LABEL(POL_SPECIAL_HEALTH,
          "diagnosis|diagnoses|medication|medications|procedure|condition|conditions|allergies|"
          "disability|diagnose|diagnosen|medikation|allergien|behinderung|diagnostic|traitement|"
          "antécédents|diagnosi|terapia|allergie|diagnóstico|tratamiento|alergias|diagnoza|"
          "rozpoznanie|"
          "leki|choroby|medicatie|medicação|diagnos|diagnóza|alergie"),
    LABEL(POL_SPECIAL_RELIGION, "religion|konfession|religione|religión|wyznanie|geloof|religião|"
                                "religious belief|faith|náboženství|religie"),
    LABEL(POL_SPECIAL_ETHNIC, "ethnicity|ethnic origin|ethnic group|race|ethnie|etnia|narodowość|"
                              "etniciteit|etnicitet|etnie|etnicita"),
    LABEL(POL_SPECIAL_UNION, "union|union membership|trade union|gewerkschaft|syndicat|sindacato|"
                             "sindicato|związek zawodowy|vakbond|fackförbund|fagforening"),
    LABEL(POL_SPECIAL_POLITICAL,
          "political party|party membership|political opinion|political views|"
          "parteizugehörigkeit|parti politique|partito|partido|poglądy "
          "polityczne|przynależność partyjna"),
    LABEL(POL_SPECIAL_ORIENTATION, "sexual orientation|orientation sexuelle|sexuelle orientierung|"
                                   "orientamento sessuale|orientación sexual|orientacja seksualna|"
                                   "seksuele geaardheid|orientação sexual"),
    LABEL(POL_SPECIAL_CRIMINAL,
          "criminal record|convictions|previous convictions|vorstrafen|"
          "casier judiciaire|precedenti penali|antecedentes penales|karalność|"
          "strafblad|antecedentes criminais"),
    /* ---- trade union ---- */
    PRED(
        POL_SPECIAL_UNION,
        "organizacji związkowej|komisji zakładowej nszz|członkiem związku zawodowego|członkinią "
        "związku zawodowego|członek związku zawodowego|"
        "członkiem związku nauczycielstwa|członkinią związku nauczycielstwa|członkiem niezależnego "
        "samorządnego związku|członkinią niezależnego samorządnego związku|członkiem "
        "nszz|członkinią "
        "nszz|członkiem opzz|członkinią opzz|członkiem solidarności|członkinią "
        "solidarności|przystąpił "
        "do związku|przystąpiła do związku|wstąpił do związku zawodowego|wstąpiła do związku "
        "zawodowego|należy do związku zawodowego|należał do związku zawodowego|należała do związku "
        "zawodowego|należy do nszz|delegat związkowy|delegatka związkowa|delegatem związkowym|"
        "delegatką związkową|działacz związkowy|działaczka związkowa|działaczem "
        "związkowym|działaczką "
        "związkową|działacz opzz|działacz nszz|ochrony związkowej|w związku zawodowym|związkowcem|"
        "związkowiec|przewodniczącym związku|przewodniczącą związku|zapisał się do "
        "związku|zapisała "
        "się do związku"),
    PRED(POL_SPECIAL_UNION,
         "joined the union|joined a union|joined the trade union|pays union dues|organised the "
         "strike|"
         "organized the strike|trat der gewerkschaft bei|ist in der gewerkschaft|ist bei verdi|ist "
         "bei "
         "der ig metall|gewerkschaftlich organisiert|adhère à la cgt|adhère à la cfdt|membre de la "
         "cgt|"
         "membre de la cfdt|membre de force ouvrière|élu cgt|élue cgt|élu cfdt|membre du syndicat|"
         "membre d'un syndicat|s'est syndiqué|s'est syndiquée|aderisce al sindacato|"
         "aderisce alla cgil|aderente alla cgil|iscritto alla|iscritta alla cgil|se afilió al "
         "sindicato|se afilió a ccoo|se afilió a ugt|filiou-se no sindicato|sindicalizado no|é "
         "sindicalizado|é sindicalizada|medlem i facket|medlem av facket|fackligt ansluten|medlem "
         "af "
         "fagforeningen|medlem i fagforeningen|fagorganisert|je členem odborů|je členkou "
         "odborů|člen "
         "odborů|členka odborů|vstoupil do odborů|vstoupila do odborů|členem odborové organizace|"
         "členkou odborové organizace|membru de sindicat|membru al sindicatului|membră a "
         "sindicatului|"
         "s-a înscris în sindicat|ammattiliiton jäsen|szakszervezeti tag"),
    FACT(
        POL_SPECIAL_UNION,
        "union member|trade union member|member of the union|member of a union|member of the trade "
        "union|member of a trade union|union rep|union representative|union steward|union delegate|"
        "shop steward|union organiser|union organizer|gewerkschaftsmitglied|gewerkschafter|"
        "gewerkschafterin|gewerkschaftssekretär*|mitglied der gewerkschaft|mitglied einer "
        "gewerkschaft|mitglied in der gewerkschaft|mitglied bei verdi|mitglied bei ver.di|mitglied "
        "der "
        "ig metall|mitglied bei der ig metall|vertrauensmann der ig "
        "metall|syndiqué|syndiquée|délégué "
        "syndical|déléguée syndicale|délégué syndicale|iscritto al sindacato|iscritta al sindacato|"
        "iscritto alla cgil|iscritto alla cisl|iscritta alla cisl|iscritto alla uil|delegato "
        "sindacale|delegata sindacale|rappresentante sindacale|sindacalista|afiliado al sindicato|"
        "afiliada al sindicato|afiliado a ccoo|afiliada a ccoo|afiliado a ugt|afiliada a "
        "ugt|delegado "
        "sindical|delegada sindical|enlace sindical|sindicalista|filiado no sindicato|filiada no "
        "sindicato|filiado a um sindicato|sócio do sindicato|membro do sindicato|vakbondslid|lid "
        "van "
        "de vakbond|lid van een vakbond|lid van de fnv|lid van de cnv|lid van "
        "fnv|vakbondsvertegen*|"
        "vakbondskaderlid|fackförbundsmedlem|facklig representant|fackombud|tillidsrepræsentant|"
        "tillitsvalgt|fagforeningsmedlem|odborář*|odborový předák|odborový funkcionář|lider "
        "sindical|"
        "lideră sindicală|sindicalist*"),
    /* ---- religion and belief ---- */
    PRED(POL_SPECIAL_RELIGION,
         "jest wyznania|osobą niewierzącą|osobą wierzącą|is a non-believer|deklaruje przynależność "
         "do kościoła|przynależność do kościoła|należy do kościoła|należy "
         "do "
         "zboru|należy do parafii|świadek jehowy|świadkiem jehowy|praktykującym|praktykującą|"
         "praktykujący|praktykująca|praktykuje jako|parafianin|parafianka|wyznania "
         "rzymsko*|wyznania "
         "mojżesz*|wyznania ewangel*|wyznania prawosł*|wyznania muzułm*|wyznania katol*|przeszedł "
         "na "
         "islam|przeszła na islam|przeszedł na judaizm|converted to islam|converted to judaism|"
         "converted to christianity|converted to catholicism|prays five times|attends mass|goes to "
         "church|attends the mosque|attends the synagogue|konvertierte zum|zum islam "
         "konvertiert|zum "
         "judentum konvertiert|gehört der evangelischen kirche|gehört der katholischen "
         "kirche|gehört "
         "den zeugen jehovas|aus der kirche ausgetreten|s'est converti à|s'est convertie "
         "à|fréquente la "
         "mosquée|fréquente la synagogue|si è convertito|si è convertita|frequenta la "
         "moschea|frequenta "
         "la chiesa|se convirtió al|va a misa|reza cinco veces|bekeerde zich tot|gaat naar de "
         "moskee|"
         "gaat naar de kerk|converteu-se ao|vai à missa|konverterade till|konverterede "
         "til|konvertoval*|"
         "s-a convertit la|chodí do kostela|hlásí se k církvi"),
    FACT(
        POL_SPECIAL_RELIGION,
        "muslim|a practising muslim|a practicing muslim|jewish|catholic|protestant|hindu|buddhist|"
        "atheist|sikh|mormon|jehovah's witness|orthodox christian|evangelical christian|a devout "
        "christian|baptised|baptized|muslimisch|moslem|muslima|muslimin|jüdisch|jude|jüdin|"
        "katholisch|katholik|katholikin|evangelisch|konfessionslos|zeuge jehovas|zeugin jehovas|"
        "atheistin|buddhistin|musulman|musulmane|juif|juive|catholique|protestante|bouddhiste|"
        "athée|"
        "témoin de jéhovah|musulmano|musulmana|musulmana practicante|musulmán|musulmán practicante|"
        "ebreo|ebrea|cattolico|cattolica|protestante|testimone di "
        "geova|buddista|ateo|atea|judío|judía|"
        "católico|católica|testigo de jehová|budista|muçulmano|muçulmana|judeu|judia|evangélico|"
        "evangélica|testemunha de jeová|ateu|ateia"),
    FACT(POL_SPECIAL_RELIGION,
         "katolikiem|katoliczką|muzułmaninem|muzułmanką|żydem|żydówką|ewangelikiem|ewangeliczką|"
         "protestantem|protestantką|prawosławnym|prawosławną|buddystą|buddystką|ateistą|ateistką|"
         "wyznawcą|wyznawczynią|moslim|moslima|joods|katholiek|protestants|gereformeerd|"
         "jehova's getuige|boeddhist|atheïst|praktiserend*|praktizierend*|judisk|judinna|katolik|"
         "katolsk|jødisk|muslimsk|jehovas vittne|jehovas vidne|jehovas vitne|buddhist|ateist|"
         "katolička|muslimka|žid|židovka|evangelík|protestant|buddhista|ateista|ateistka|svědek "
         "jehovův|svědkyně jehovova|musulmană|evreu|evreică|catolic|catolică|ortodox|ortodoxă|"
         "penticostal|penticostală|martor al lui iehova|budist|ateu|muslimi|juutalainen|katolikus|"
         "zsidó|muszlim|református"),
    /* ---- politics ---- */
    PRED(
        POL_SPECIAL_POLITICAL,
        "strukturze partyjnej|strukturach partyjnych|popiera ruch|działacz partyjny|"
        "działaczka partyjna|active in the party|uczestniczył w wiecach|uczestniczyła w "
        "wiecach|kandydował z listy|kandydowała z "
        "listy|popiera "
        "partię|głosował na|głosowała na|głosuje na|członkiem partii|członkinią partii|członek "
        "partii|"
        "członkini partii|należy do partii|należał do partii|należała do partii|o poglądach "
        "lewicow*|o "
        "poglądach prawicow*|o poglądach konserwat*|o poglądach liberal*|o poglądach "
        "anarch*|poglądy "
        "polityczne|wstąpił do partii|wstąpiła do partii|voted for|votes for|joined the party|ran "
        "for "
        "the party|campaigned for|donated to the campaign of|wählt die|wählte die|hat die afd "
        "gewählt|"
        "trat in die partei ein|kandidierte für die|a voté pour|vote pour|vote à gauche|vote à "
        "droite|a "
        "adhéré au parti|milite au|milite à|milite pour|ha votato per|vota per|vota a|vota la lega|"
        "votó a|votó por|milita en|stemt op|stemde op|voert campagne voor|votou em|votou no|votou "
        "na|"
        "vota no|milita no|röstar på|röstade på|stemte på|stemmer på|volí stranu|volil "
        "stranu|volila "
        "stranu|vstoupil do strany|vstoupila do strany|a votat cu|votează cu|äänestää|szavazott"),
    FACT(
        POL_SPECIAL_POLITICAL,
        "member of the labour party|member of the conservative party|member of the green "
        "party|member "
        "of the communist party|member of the socialist party|member of the republican "
        "party|member of "
        "the democratic party|member of the party|party member|registered republican|registered "
        "democrat|a communist|a socialist|an anarchist|parteimitglied|mitglied der spd|mitglied "
        "der cdu|"
        "mitglied der csu|mitglied der fdp|mitglied der afd|mitglied der grünen|mitglied der "
        "linken|"
        "mitglied der linkspartei|mitglied der kommunistischen partei|encarté|encartée|adhérent du "
        "parti|adhérente du parti|adhérent au parti|militant du|militante du|membre du parti|"
        "iscritto al partito|iscritta al partito|iscritto al pd|militante di|militante del|"
        "tesserato del|tesserata del|militante de|afiliado al partido|afiliada al partido|"
        "afiliado al psoe|afiliado al pp|afiliada al psoe|militante do|filiado no partido|filiada "
        "no "
        "partido|filiado ao partido|membro do partido|partijlid|lid van de vvd|lid van de pvda|lid "
        "van "
        "de pvv|lid van d66|lid van de sp|lid van groenlinks|lid van forum voor democratie|"
        "partimedlem|medlem i socialdemokraterna|medlem i moderaterna|medlem i vänsterpartiet|"
        "medlem af socialdemokratiet|medlem av arbeiderpartiet|členem strany|členkou strany|člen "
        "ods|"
        "člen čssd|člen ksčm|membru pnl|membru psd|membru al partidului|membră a partidului|membru "
        "usr|puolueen jäsen|párttag|komunistą|komunistką|anarchistą"),
    /* ---- sex life and orientation ---- */
    PRED(
        POL_SPECIAL_ORIENTATION,
        "tej samej płci|same-sex partner|partner of the same sex|"
        "same-sex marriage with|gleichgeschlechtlich*|du même sexe|dello stesso sesso|del mismo "
        "sexo|"
        "hetzelfde geslacht|do mesmo sexo|samma kön|samme køn|stejného pohlaví|de același sex|"
        "ujawnił swoją orientację|ujawniła swoją orientację|orientację homoseksualną|orientacji "
        "homoseksualnej|orientacji biseksualnej|orientację seksualną|came out as|in a same-sex "
        "relationship|lives with his husband|hat sich geoutet|outete sich|a fait son coming out|ha "
        "fatto coming out|salió del armario|kwam uit de kast|assumiu-se como|kom ut som|sprang ud "
        "som|"
        "je na kluky|a ieșit din dulap"),
    FACT(POL_SPECIAL_ORIENTATION,
         "gay|lesbian|bisexual|homosexual|transgender|a trans woman|a trans "
         "man|queer|asexual|non-binary|"
         "schwul|lesbisch|homosexuell|bisexuell|transsexuell|homosexuel|homosexuelle|lesbienne|"
         "bisexuel|bisexuelle|transgenre|omosessuale|lesbica|bisessuale|lesbiana|homosexual|"
         "transexual|gejem|lesbijką|homoseksualistą|homoseksualistka|homoseksualny|homoseksualna|"
         "biseksualny|biseksualna|biseksualistą|osobą transpłciową|transseksualist*|homoseksueel|"
         "biseksueel|transgender|lésbica|bissexual|homossexual|homosexuell|bisexuell|bøsse|"
         "homoseksuel|"
         "homofil|lesbisk|homosexuál|lesba|lesbička|bisexuální|homosexuální|homosexuală|lesbiană|"
         "bisexuală|homo|lesbo|meleg|leszbikus"),
    /* ---- origin ---- */
    PRED(POL_SPECIAL_ETHNIC,
         "pochodzenia romskiego|pochodzenia żydowskiego|pochodzenia ukraińskiego|pochodzenia "
         "wietnamskiego|pochodzenia arabskiego|pochodzenia afrykańskiego|pochodzenia niemieckiego|"
         "pochodzenia białoruskiego|pochodzenia tatarskiego|narodowości romskiej|narodowości "
         "żydowskiej|narodowości ukraińskiej|narodowości białoruskiej|narodowości niemieckiej|"
         "narodowości śląskiej|przynależność do mniejszości|przynależności do "
         "mniejszości|pochodzenia "
         "etnicznego|of roma descent|of jewish descent|of african descent|of asian descent|of "
         "turkish "
         "descent|of kurdish descent|of arab descent|of mixed race|of roma origin|of kurdish "
         "origin|of "
         "roma ethnicity|belongs to the roma|kurdischer herkunft|türkischer herkunft|arabischer "
         "herkunft|afrikanischer herkunft|jüdischer herkunft|gehört zu den sinti|gehört der "
         "minderheit|d'origine rom|d'origine kurde|d'origine maghrébine|d'origine "
         "africaine|d'origine "
         "algérienne|d'origine arabe|d'origine juive|d'origine turque|di origine rom|di etnia "
         "rom|di "
         "etnia *|di origine curda|di origine africana|di origini rom|de etnia gitana|de origen "
         "gitano|"
         "de origen árabe|de origen africano|de origen magrebí|de etnia cigana|de origem "
         "africana|de "
         "origem cigana|van turkse afkomst|van marokkaanse afkomst|van roma-afkomst|van koerdische "
         "afkomst|van surinaamse afkomst|av romskt ursprung|av samiskt ursprung|av kurdiskt "
         "ursprung|af "
         "tyrkisk afstamning|af kurdisk afstamning|av samisk avstamming|romského původu|romské "
         "národnosti|židovského původu|vietnamského původu|ukrajinského původu|de etnie romă|de "
         "etnie "
         "maghiară|de origine romă|de origine evreiască|romaniväestöön kuulu*|roma származású"),
    FACT(POL_SPECIAL_ETHNIC,
         "ethnically roma|ethnically kurdish|a roma woman|a roma man|ethnic origin|ethnic "
         "kurd|sinti und "
         "roma|sinto|sintiza|roma und|ethnische herkunft|origine ethnique|origine etnica|origen "
         "étnico|"
         "origem étnica|gitano|gitana|cigano|cigana|etnische afkomst|romem|romką|cyganem|cyganką|"
         "etniskt ursprung|etnisk opprinnelse|rom|romka|rrom|etnický původ|origine etnică"),
    /* ---- genetic and biometric ---- */
    PRED(
        POL_SPECIAL_GENETIC,
        "carries the|carrier of the gene|carrier of the mutation|trägerin der mutation|träger der "
        "mutation|porteur de la mutation|porteuse de la mutation|portatore della "
        "mutazione|portatrice "
        "della mutazione|portador de la mutación|portadora de la mutación|portador da mutação|"
        "portadora da mutação|nosicielem mutacji|nosicielką mutacji|nosiciel mutacji|nosicielka "
        "mutacji|draagt het gen|draagster van|drager van de mutatie|bärare av genen|bærer av genet|"
        "nositel mutace|nositelka mutace|purtător al mutației|purtătoare a mutației"),
    FACT(
        POL_SPECIAL_GENETIC,
        "brca1|brca2|brca1 mutation|brca2 mutation|genetic test|genetic mutation|genetic disorder|"
        "genetic predisposition|gene mutation|dna test|dna profile|genome sequence|gentest|"
        "genmutation|gendefekt|erbkrank*|dna-profil|test génétique|mutation génétique|"
        "prédisposition génétique|profil adn|test genetico|mutazione genetica|profilo del "
        "dna|prueba "
        "genética|mutación genética|perfil genético|teste genético|mutação genética|badanie "
        "genetyczne|badania genetyczne|badaniu genetycznym|badaniach genetycznych|mutację "
        "genu|mutacja "
        "genu|mutacji genu|profil dna|dna-test|dna-profiel|genetisch onderzoek|genmutatie|genetisk "
        "test|genetiskt test|genetický test|genetická mutace|test genetic|mutație genetică"),
    FACT(POL_SPECIAL_BIOMETRIC,
         "fingerprint template|fingerprint scan|fingerprints|fingerprint|face template|facial "
         "template|faceprint|iris scan|retina scan|voice print|voiceprint|biometric data|"
         "biometric template|fingerabdruck|fingerabdrücke|fingerabdruckscan|irisscan|gesichtsscan|"
         "biometrische daten|empreinte digitale|empreintes digitales|scan de l'iris|données "
         "biométriques|impronta digitale|impronte digitali|dati biometrici|huella dactilar|huellas "
         "dactilares|datos biométricos|impressão digital|impressões digitais|dados "
         "biométricos|odcisk "
         "palca|odciski palców|odcisków palców|odciskiem palca|dane biometryczne|skan tęczówki|"
         "vingerafdruk|vingerafdrukken|gezichtsscan|biometrische "
         "gegevens|fingeravtryck|fingeraftryk|"
         "fingeravtrykk|biometriska uppgifter|otisk prstu|otisky prstů|biometrické údaje|amprentă "
         "digitală|amprente digitale|date biometrice|sormenjälki|ujjlenyomat"),
    /* ---- uses that AI Act Art. 5 prohibits: a word of the practice (1) and of doing it (2) ----
     */
    {"social scoring|social score|social credit|sozialkredit|sozialpunkte|notation sociale|crédit "
     "social|punteggio sociale|puntuación social|sociale score|scoring społeczny|punktacji "
     "społecznej|"
     "pontuação social|trustworthiness score for citizens|rank citizens by behaviour|score "
     "citizens",
     TERM_USE, POL_PROHIBITED_USE, 2},
    {"emotion recognition|detect emotions|infer emotions|infer the emotions|detect the "
     "emotions|read "
     "their emotions|emotionserkennung|emotionen erkennen|reconnaissance des émotions|détecter les "
     "émotions|riconoscimento delle emozioni|reconocimiento de emociones|emotieherkenning|"
     "rozpoznawanie emocji|rozpoznawania emocji|reconhecimento de emoções|facial expressions",
     TERM_USE, POL_PROHIBITED_USE, 1},
    {"at work|workplace|our employees|the employees|of "
     "employees|staff|classroom|students|pupils|call "
     "centre agents|call center agents|am arbeitsplatz|mitarbeiter|unserer mitarbeiter|schüler|"
     "schülern|au travail|salariés|élèves|sul lavoro|dipendenti|studenti|en el trabajo|empleados|"
     "alumnos|op het werk|werknemers|leerlingen|w pracy|pracowników|uczniów|no "
     "trabalho|funcionários",
     TERM_USE, POL_PROHIBITED_USE, 16},
    {"predict who will commit|predict which people will commit|predict criminal behaviour "
     "of|predict "
     "criminality|predictive policing|likelihood to commit a crime|risk of offending based on "
     "personality|vorhersage von straftaten|straftaten vorhersagen|prédire la criminalité|predire "
     "i "
     "reati|predecir delitos|predecir quién cometerá|misdaad voorspellen|przewidywanie "
     "przestępczości|"
     "prever crimes",
     TERM_USE, POL_PROHIBITED_USE, 2},
    {"scrape facial images|scrape face images|scrape faces|scraping of facial images|facial "
     "recognition "
     "database|face recognition database|gesichtsbilder sammeln|gesichtsdatenbank|base de "
     "reconnaissance faciale|database di riconoscimento facciale|base de datos de reconocimiento "
     "facial|"
     "gezichtsherkenningsdatabase|bazy rozpoznawania twarzy|real-time facial recognition|real-time "
     "biometric identification|live facial recognition|reconnaissance faciale en temps réel|"
     "gesichtserkennung in echtzeit",
     TERM_USE, POL_PROHIBITED_USE, 2},
    {"infer sexual orientation|infer religion|infer political opinions|infer race|deduce their "
     "religion|"
     "guess their sexual orientation|classify faces by race|classify by ethnicity|deduce ethnicity "
     "from "
     "faces|biometric categorisation|biometric categorization|religion aus fotos|ethnie aus fotos|"
     "déduire la religion|dedurre la religione|deducir la religión|afleiden uit "
     "foto's|wywnioskować "
     "wyznanie",
     TERM_USE, POL_PROHIBITED_USE, 2},
    {"subliminal messages|subliminal techniques|subliminal messaging|manipulate vulnerable|exploit "
     "vulnerable people|exploit the vulnerabilities|exploit elderly|manipulate elderly|target "
     "gambling "
     "addicts|unterschwellige botschaften|schutzbedürftige ausnutzen|messages "
     "subliminaux|exploiter la "
     "vulnérabilité|messaggi subliminali|mensajes subliminales|explotar la "
     "vulnerabilidad|subliminale "
     "boodschappen|przekazy podprogowe|mensagens subliminares",
     TERM_USE, POL_PROHIBITED_USE, 2},
    {"build|design|develop|implement|write code|create a system|create an app|set up|deploy|train "
     "a "
     "model|give each|assign each|help us|help me|entwickle|baue|erstelle|entwirf|implementiere|"
     "développe|construis|conçois|créer un "
     "système|sviluppa|costruisci|progetta|desarrolla|construye|"
     "diseña|crea un sistema|ontwikkel|bouw|ontwerp|zbuduj|zaprojektuj|stwórz|opracuj|desenvolve|"
     "constrói|cria um sistema",
     TERM_USE, POL_PROHIBITED_USE, 32},
    /* ---- criminal convictions and offences ---- */
    PRED(POL_SPECIAL_CRIMINAL,
         "convicted of|convicted for|sentenced to|sentenced for|pleaded guilty to|pled guilty "
         "to|charged "
         "with|arrested for|arrested on|has a criminal record|had a criminal record|was "
         "imprisoned|was "
         "in prison|served time|served a sentence|is on probation|was on probation|is on "
         "parole|under "
         "investigation for|accused of|indicted for|found guilty of|wanted for|jailed for"),
    PRED(
        POL_SPECIAL_CRIMINAL,
        "verurteilt wegen|wegen diebstahls|wegen betrugs|wegen körperverletzung|wegen "
        "steuerhinterz*|"
        "vorbestraft|angeklagt wegen|einschlägig vorbestraft|zu einer freiheitsstrafe|zu einer "
        "geldstrafe|verbüßt eine|verbüßte eine|saß im gefängnis|sitzt im gefängnis|auf bewährung|"
        "eintrag im führungszeugnis|ermittelt wird gegen|ermittlungsverfahren gegen|strafverfahren "
        "gegen|festgenommen wegen|wurde verhaftet|verurteilt zu|tatverdächtig|"
        "condamné pour|condamnée pour|condamné à|condamnée à|casier judiciaire|mis en examen "
        "pour|mise "
        "en examen pour|en garde à vue|poursuivi pour|poursuivie pour|incarcéré|incarcérée|"
        "reconnu coupable|reconnue coupable|en liberté conditionnelle|soupçonné de|soupçonnée de"),
    PRED(
        POL_SPECIAL_CRIMINAL,
        "condannato per|condannata per|condannato a|condannata a|precedenti penali|indagato per|"
        "indagata per|arrestato per|arrestata per|imputato di|imputata di|agli arresti domiciliari|"
        "rinviato a giudizio|rinviata a giudizio|detenuto per|detenuta per|fedina penale|condenado "
        "por|condenada por|condenado a|condenada a|antecedentes penales|acusado de|acusada "
        "de|detenido "
        "por|detenida por|en libertad condicional|cumplió condena|cumple condena|imputado por|"
        "investigado por|investigada por|antecedentes criminais|registo criminal|condenado "
        "por|arguido "
        "por|detido por|detida por|cumpre pena|cumpriu pena|preso por|presa por|suspeito "
        "de|suspeita "
        "de"),
    PRED(
        POL_SPECIAL_CRIMINAL,
        "tymczasowo aresztowany|tymczasowo aresztowana|"
        "tymczasowym aresztowaniu|skazany za|skazana za|skazany na|skazana na|skazany "
        "prawomocn*|skazana prawomocn*|skazany "
        "wyrokiem|skazana wyrokiem|skazany był|skazana była|był karany|była karana|był uprzednio "
        "karany|była uprzednio karana|uprzednio karany|uprzednio karana|karany za|karana za|karany "
        "sądownie|karana sądownie|ukarany za|ukarana za|oskarżony o|oskarżona o|podejrzany "
        "o|podejrzana "
        "o|zarzuty popełnienia|zarzut popełnienia|zarzutem popełnienia|postawiono mu zarzut*|"
        "postawiono jej zarzut*|toczy się przeciwko|toczyło się przeciwko|toczy się wobec|toczyło "
        "się "
        "wobec|odbywał karę|odbywała karę|odbywa karę|rejestrze karnym|karę pozbawienia "
        "wolności|karze "
        "pozbawienia wolności|kary pozbawienia wolności|popełnił|popełniła|prawomocnym wyrokiem za|"
        "wyrokiem nakazowym|aresztowany za|aresztowana za|aresztowany pod|przebywa w zakładzie "
        "karnym|"
        "przebywał w zakładzie karnym|w zawieszeniu za|warunkowo zwolniony|warunkowo zwolniona"),
    PRED(POL_SPECIAL_CRIMINAL,
         "veroordeeld voor|veroordeeld wegens|veroordeeld tot|strafblad|verdacht van|aangehouden "
         "wegens|"
         "aangehouden voor|gearresteerd voor|gearresteerd wegens|zat in de gevangenis|zit in de "
         "gevangenis|vervolgd voor|vervolgd wegens|voorwaardelijk veroordeeld|taakstraf voor|"
         "dömd för|dömdes för|dömdes till|finns i belastningsregistret|misstänkt för|åtalad "
         "för|gripen "
         "för|anhållen för|sitter i fängelse|dømt for|dømt til|sigtet for|tiltalt for|siktet for|"
         "straffet for|plettet straffeattest|sidder i fængsel|odsouzen za|odsouzena za|odsouzen k|"
         "odsouzena k|obviněn z|obviněna z|obžalován z|obžalována z|stíhán pro|stíhána pro|má "
         "záznam v "
         "trestním rejstříku|záznam v rejstříku trestů|trestaný|trestaná|ve výkonu trestu|zadržen "
         "pro|"
         "condamnat pentru|condamnată pentru|condamnat la|condamnată la|cazier judiciar|arestat "
         "pentru|"
         "arestată pentru|acuzat de|acuzată de|inculpat pentru|inculpată pentru|cercetat penal|"
         "cercetată penal|suspectat de|tuomittiin|epäillään|elítélték|letartóztatták"),
    FACT(POL_SPECIAL_CRIMINAL,
         "criminal record|ex-convict|convicted felon|sex offender|vorstrafe|vorstrafen|straftäter|"
         "straftäterin|repris de justice|pregiudicato|pregiudicata|ex "
         "detenuto|exconvicto|exconvicta|"
         "ex-recluso|recydywistą|recydywistka|przestępcą|ex-gedetineerde|dömd "
         "brottsling|recidivista|"
         "recidivist"),
};
const size_t pol_terms_n = sizeof(pol_terms) / sizeof(pol_terms[0]);
